// Charts and pages of the HTML reports: nothing of the data becomes markup, numbers are where they should be, the same
// input gives the same bytes, and a page needs nothing from outside.
import { barChart, dotChart } from '../../../../lib/track/html/bars.js';
import { escapeText, html, raw } from '../../../../lib/track/html/html.js';
import { binEdges, binValues, histogram } from '../../../../lib/track/html/histogram.js';
import { lineChart } from '../../../../lib/track/html/line.js';
import { axisOf, percent, short } from '../../../../lib/track/html/numbers.js';
import { page } from '../../../../lib/track/html/page.js';
import { note, table, tiles } from '../../../../lib/track/html/parts.js';

const EVIL = '<script>alert("x")</script>\' & \ud800\u0000';

test('what is put into a template is escaped, what the template made is not', () => {
  expect(html`<p title="${EVIL}">${EVIL}${html`<b>${1}</b>`}${[null, undefined, false, 'a']}</p>`.text).toBe(
    '<p title="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39; &amp; ��">' +
    '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39; &amp; ��<b>1</b>a</p>');
  expect(html`${raw('<hr>')}`.text).toBe('<hr>');
  expect(escapeText('😀 ok\n')).toBe('😀 ok\n');
});

test('numbers are short and never wrong by more than their last digit', () => {
  expect([0, 7, 1234, 12_345_678, 3.2e9, 0.04321, 0.00012, 99.95, 123.456, NaN].map(short))
    .toEqual(['0', '7', '1,234', '12.3M', '3.20G', '0.0432', '1.2e-4', '100', '123.5', '–']);
  expect([0, 0.1234, 0.5, 1, 0.00012].map(percent)).toEqual(['0 %', '12.3 %', '50 %', '100 %', '0.012 %']);
});

test('axes have round ticks inside their range, logarithmic ones powers of ten', () => {
  expect(axisOf(0, 10, { wanted: 5 }).ticks).toEqual([0, 2, 4, 6, 8, 10]);
  expect(axisOf(1, 10_000, { log: true }).ticks).toEqual([1, 10, 100, 1000, 10_000]);
  const log = axisOf(1, 100, { log: true });
  expect([1, 10, 100, 1000, -5].map((value) => Number(log.place(value).toFixed(9)))).toEqual([0, 0.5, 1, 1, 0]);
  expect(axisOf(5, 5).place(5)).toBeGreaterThan(0);
  expect(axisOf(-1, 1, { log: true }).log).toBe(false);
  for (const [low, high] of [[3, 3.0001], [1e-9, 1e9], [-7, 12], [NaN, 2]] as const) {
    for (const log of [false, true]) {
      const axis = axisOf(low, high, { log });
      expect(axis.ticks.length).toBeGreaterThan(0);
      expect(axis.ticks.length).toBeLessThan(25);
    }
  }
});

test('every value falls in one bin, the last edge included', () => {
  const edges = binEdges(0, 100, 10);
  expect(edges).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  expect(binValues([0, 9.99, 10, 99, 100, 101, -1, NaN], edges).counts).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
  const log = binEdges(1, 4096, 12, true);
  expect(log.at(-1)).toBe(4096);
  const values = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 4096));
  expect(binValues(values, log).counts.reduce((a, b) => a + b)).toBe(values.filter((value) => value <= 4096).length);
  expect(binValues([3, 3], binEdges(3, 3)).counts).toEqual([2]);
});

test('a line goes where its numbers are, and says them in words and in a table', () => {
  const text = lineChart([
    { name: 'train', points: [[0, 4], [50, 2], [100, 1], [120, NaN]], band: [[0, 3.5, 4.5], [100, 0.8, 1.2]] },
    { name: 'valid', points: [[50, 2.2], [100, 1.5]], draw: 'both' },
  ], { title: 'Loss', x: 'updates', y: 'nats', fromZero: true, marks: [{ x: 100, name: 'best' }] }).text;
  const first = /<path d="(M[^"]+)" fill="none"/.exec(text)![1]!;
  const points = first.slice(1).split('L').map((pair) => pair.split(' ').map(Number));
  expect(points).toHaveLength(3);
  expect(points.map(([x]) => x)).toEqual([62, 472, 882]);
  expect(points[0]![1]!).toBeLessThan(points[1]![1]!);
  expect(text).toContain('aria-label="Loss. train: 3 points, from 4 at 0 to 1 at 100, lowest 1 at 100.');
  expect(text).toContain('<th scope="row" class="">valid</th><td class="num">50</td><td class="num">2.2</td>');
  expect(text).not.toContain('NaN');
  expect(lineChart([], { title: 'empty', x: 'x', y: 'y' }).text).not.toMatch(/NaN|Infinity/);
  expect(lineChart([{ name: 'one', points: [[3, 3]] }], { title: 'one point', x: 'x', y: 'y', logX: true, logY: true }).text).not.toMatch(/NaN|Infinity/);
});

test('bars are as long as their values; what is too much is summed', () => {
  const text = barChart(Array.from({ length: 30 }, (_, i) => ({ label: `b${i}`, value: 30 - i })), { title: 'Bars', value: 'rows', most: 5 }).text;
  const widths = [...text.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(widths).toHaveLength(5);
  expect(widths[0]! / widths[4]!).toBeCloseTo(30 / 351, 2);
  expect(text).toContain('26 others');
  expect(dotChart([{ label: 'a', value: 0.5, low: 0.1, high: 0.9 }], { title: 'Dots', value: 'log-odds', reference: 0 }).text).toContain('0.1 to 0.9');
});

test('hostile labels stay text everywhere', () => {
  const text = [
    barChart([{ label: EVIL, value: 1, note: EVIL }], { title: EVIL, note: EVIL, value: EVIL }),
    histogram([{ name: EVIL, counts: [1] }], { title: EVIL, x: EVIL, y: EVIL, edges: [0, 1] }),
    lineChart([{ name: EVIL, points: [[0, 1]] }], { title: EVIL, x: EVIL, y: EVIL }),
    table({ columns: [{ name: EVIL }], rows: [[EVIL]], caption: EVIL }), tiles([{ label: EVIL, value: EVIL }]), note(EVIL, 'bad'),
  ].join('');
  expect(text).not.toContain('<script');
  expect(page({ kind: EVIL, title: EVIL, sections: [{ id: 'a', title: EVIL, body: EVIL }] })).not.toContain('<script');
});

test('a page has no script, asks for nothing from outside, and is the same every time', () => {
  const make = (): string => page({
    kind: 'Report', title: 'T', lead: 'what', footer: 'end',
    sections: [{ id: 'one', title: 'One', lead: 'lead', body: histogram([{ name: 'a', counts: [1, 2] }], { title: 'H', x: 'x', y: 'y', edges: [0, 1, 2] }) }],
  });
  const text = make();
  expect(text).toBe(make());
  expect(text).not.toMatch(/<script|https?:|url\(|@import|<link|<img/);
  expect(text).toContain("default-src 'none'");
  const open = [...text.matchAll(/<(section|figure|table|svg|details|ul|main|header|nav|div)[ >]/g)].map((match) => match[1]).sort();
  const closed = [...text.matchAll(/<\/(section|figure|table|svg|details|ul|main|header|nav|div)>/g)].map((match) => match[1]).sort();
  expect(open).toEqual(closed);
});
