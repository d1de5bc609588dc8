// What axe finds in a page, of what keeps people out.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails when a page, in light or in dark, has faults of serious or critical weight. */
export async function accessible(tab, where) {
  if (!(await tab.call(() => 'axe' in window))) await tab.page.evaluate(await axe);
  for (const theme of ['light', 'dark']) {
    const faults = await tab.call(async (theme) => {
      const root = document.documentElement;
      const before = root.dataset.theme;
      root.dataset.theme = theme;
      // Colours that still glide would be measured halfway.
      for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      root.dataset.theme = before;
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => `${node.html.slice(0, 160)} (${node.any[0]?.message ?? ''})`).join('\n  ')}`);
    }, theme);
    assert.deepEqual(faults, [], `${where}, ${theme}`);
  }
}
