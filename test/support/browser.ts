// A real browser for tests of pages: Debian's or Ubuntu's chromium, by playwright-core. Absent on many machines; then
// the tests that need it are skipped, with this sentence.
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

const PLACES = [process.env['WHETSTONE_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const chromium = PLACES.find((place) => place !== undefined && existsSync(place));
export const WHY_NO_BROWSER = 'needs chromium (apt install chromium, or WHETSTONE_CHROMIUM=/path/to/it)';

export async function openBrowser(): Promise<Browser> {
  const playwright = await import('playwright-core');
  return playwright.chromium.launch({
    executablePath: chromium!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}
