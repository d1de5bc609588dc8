import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname)

/** In mock mode the page runs without a server: the SDK is replaced by a room of painted people. */
const sdk = (mode: string) => (mode === 'mock' ? here('./src/mock/index.ts') : here('../../sdk/js/src/index.ts'))

/** Files in public/ are named by the page itself, so that Vite leaves their addresses alone. */
const publicScripts: Plugin = {
  name: 'public-scripts',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => html.replace('<!-- theme -->', '<script src="/assets/theme.js"></script>').replace(/^\s*\n/gm, ''),
  },
}

export default defineConfig(({ mode }) => ({
  plugins: [
    svelte({
      compilerOptions: {
        runes: true,
        // Named by content, so that a build is the same wherever the checkout lies.
        cssHash: ({ hash, css }) => `t${hash(css)}`,
      },
    }),
    publicScripts,
  ],
  resolve: { alias: { tertulia: sdk(mode) } },
  server: { fs: { allow: [here('../..')] } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        // Stable names: the build is committed, and the server adds what caches need.
        entryFileNames: 'assets/meet.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: (asset) => (asset.names[0]?.endsWith('.css') ? 'assets/meet.css' : 'assets/[name][extname]'),
      },
    },
  },
  test: { include: ['test/**/*.test.ts'] },
}))
