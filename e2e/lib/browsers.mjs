// Headless browsers with fake cameras and microphones.

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { startSound } from './sound.mjs';

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

/**
 * Starts Chromium. `loopback: false` leaves out the flag that lets WebRTC use
 * loopback addresses; `wrapper` is a program to start it with.
 */
export async function startChromium({ loopback = true, flags = [], executablePath = '/usr/bin/chromium', env } = {}) {
  const args = [...chromiumFlags, ...flags];
  if (loopback) args.push('--allow-loopback-in-peer-connection');
  const browser = await chromium.launch({ executablePath, headless: true, args, env });
  return new Chromium(browser);
}

class Chromium {
  constructor(browser) {
    this.browser = browser;
  }

  /** A tab at a URL, in a context of its own. */
  async open(url, options = {}) {
    const context = await this.browser.newContext({ permissions: ['camera', 'microphone'], ...options });
    const page = await context.newPage();
    return open(page, url, (event, listener) => page.on(event, listener), () => context.close());
  }

  close() {
    return this.browser.close();
  }
}

/** Starts Firefox ESR (WebDriver BiDi), with a sound card that is none. */
export async function startFirefox() {
  const sound = await startSound();
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    env: { ...process.env, ...sound.env },
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.gmp-manager.updateEnabled': false,
      'network.captive-portal-service.enabled': false,
      'app.update.enabled': false,
      'browser.safebrowsing.malware.enabled': false,
      'browser.safebrowsing.phishing.enabled': false,
      'datareporting.healthreport.uploadEnabled': false,
      'services.settings.server': 'data:,',
      'toolkit.telemetry.enabled': false,
    },
  });
  return new Firefox(browser, sound);
}

class Firefox {
  constructor(browser, sound) {
    this.browser = browser;
    this.sound = sound;
  }

  async open(url) {
    const page = await this.browser.newPage();
    return open(page, url, (event, listener) => page.on(event, listener), () => page.close());
  }

  async close() {
    await this.browser.close();
    await this.sound.close();
  }
}

/**
 * One tab. `call(f, argument)` runs a function in the page; arguments and
 * results travel as JSON text, which every driver carries alike.
 */
async function open(page, url, on, close) {
  const log = [];
  on('console', (message) => log.push(message.text()));
  on('pageerror', (error) => log.push(`error: ${error.message}`));
  await page.goto(url);
  return {
    page,
    log,
    close,
    async call(f, argument) {
      const source = `(async () => JSON.stringify((await (${f})(${JSON.stringify(argument) ?? ''})) ?? null))()`;
      try {
        return JSON.parse(await page.evaluate(source));
      } catch (error) {
        throw new Error(`${error.message}\nin ${f}\nthe page said:\n${log.slice(-20).join('\n')}`, { cause: error });
      }
    },
  };
}
