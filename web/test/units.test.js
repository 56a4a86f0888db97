// Units and decimals against the table of the dashboard specification, part 8.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTick, formatValue, isBinary, secondsIn } from '../lib/units.js';

/** @type {Array<[number | null, string, string, number?]>} */
const TABLE = [
  [1234.5678, 'none', '1235'], [1234.5678, '', '1235'], [12.34, '', '12.3'], [1.5, '', '1.50'], [0.005, '', '0.00500'], [3, '', '3'],
  [1234, 'short', '1.23 K'], [98765432, 'short', '98.8 Mil'], [1234567, 'sishort', '1.23 M'], [12.345, 'percent', '12.3%'], [100, 'percent', '100%'],
  [99.999, 'percent', '100.00%', 2], [0.12345, 'percentunit', '12.3%'], [1, 'percentunit', '100%'], [1536, 'bytes', '1.50 KiB'], [123456789, 'bytes', '118 MiB'],
  [1024, 'bytes', '1 KiB'], [1073741824, 'bytes', '1 GiB'], [1500, 'decbytes', '1.50 kB'], [123456789, 'decbytes', '123 MB'], [2048, 'bits', '2 Kib'], [2000, 'decbits', '2 kb'],
  [2048, 'kbytes', '2 MiB'], [1500, 'deckbytes', '1.50 MB'], [1536, 'mbytes', '1.50 GiB'], [0.5, 'gbytes', '512 MiB'], [1500, 'decgbytes', '1.50 TB'],
  [1250000, 'bps', '1.25 Mb/s'], [0.25, 'bps', '250 mb/s'], [1048576, 'binbps', '1 Mib/s'], [1234567, 'Bps', '1.23 MB/s'], [1500, 'MBs', '1.50 GB/s'], [2048, 'MiBs', '2 GiB/s'],
  [1234.5, 'pps', '1.23 kp/s'], [1234.5, 'ops', '1.23K ops/s'], [0.1667, 'ops', '0.167 ops/s'], [1234567, 'reqps', '1.23M req/s'], [12.5, 'rps', '12.5 rd/s'], [3, 'wps', '3 wr/s'],
  [1500, 'iops', '1.50K io/s'], [0.25, 'cps', '0.250 c/s'], [1200, 'cpm', '1.20K c/m'], [1532.82, 'currencyUSD', '$1.53K'], [-5, 'currencyUSD', '-$5'], [20, 'currencyEUR', '€20'],
  [0.00045, 's', '450 µs'], [0.25, 's', '250 ms'], [12.5, 's', '12.5 s'], [90, 's', '1.50 min'], [5400, 's', '1.50 hours'], [3600, 's', '1 hour'], [200000, 's', '2.31 days'],
  [1209600, 's', '2 weeks'], [40000000, 's', '1.27 years'], [0, 's', '0 s'], [250, 'ms', '250 ms'], [1500, 'ms', '1.50 s'], [90000, 'ms', '1.50 min'], [7200000, 'ms', '2 hours'],
  [1500, 'µs', '1.50 ms'], [2500000, 'µs', '2.50 s'], [1500, 'ns', '1.50 µs'], [2.5e6, 'ns', '2.50 ms'], [90, 'm', '1.50 hours'], [36, 'h', '1.50 days'], [10, 'd', '1.43 weeks'],
  [93784, 'dtdurations', '1 day'], [93784, 'dtdurations', '1 day, 2 hours, 3 minutes', 2], [0, 'dtdurations', '0 seconds'], [3725, 'dthms', '01:02:05'], [93784, 'dtdhms', '1 d 02:03:04'],
  [3599999, 'clockms', '59m:59s:999ms'], [3599999, 'clockms', '59m:59s', 1], [2.4e9, 'hertz', '2.40 GHz'], [1200, 'rotrpm', '1200 rpm'], [36.6, 'celsius', '36.6 °C'], [45, 'humidity', '45 %H'],
  [-3.5, 'dB', '-3.50 dB'], [1500, 'watt', '1.50 kW'], [0.25, 'amp', '250 mA'], [255, 'hex', 'FF'], [255, 'hex0x', '0xFF'], [1234.5, 'sci', '1.2345e+3'], [12, 'areaM2', '12 m²'],
  [1, 'bool', 'True'], [0, 'bool_yes_no', 'No'], [1, 'bool_on_off', 'On'], [1, 'bool:Up/Down', 'Up'], [1234567.891, 'locale', '1,234,567.891'],
  [12, 'rows/s', '12 rows/s'], [12, 'prefix:X', 'X12'], [12, 'suffix:X', '12 X'], [1200, 'count:X', '1.20K X'], [1500, 'si:ku', '1.50 Mu'],
  [12, 'lengthkm', '12 km'], [1500, 'Hs', '1.50 kH/s'], [2048, 'Kibits', '2 Mib/s'], [0.002, 'farad', '2 mF'], [3, 'ppm', '3 ppm'], [1500, 'currencyINR', '₹1.50K'], [1500, 'currencySEK', '1.50K kr'], [250, 'mwatt', '250 mW'],
  [1e15, 'short', '1 Quadr'], [1e-9, 's', '1 ns'], [-1536, 'bytes', '-1.50 KiB'], [12.4, '', '12', -1],
  [NaN, 's', 'NaN'], [Infinity, 'bytes', '∞'], [-Infinity, '', '-∞'], [null, 's', ''],
];

test('the table of units', () => {
  for (const [value, unit, expected, decimals] of TABLE) assert.equal(formatValue(value, unit, decimals), expected, `${value} ${unit}`);
});

test('ticks have as many decimals as they need', () => {
  for (const [value, unit, expected] of /** @type {Array<[number, string, string]>} */ ([
    [0.05, 's', '50 ms'], [0.125, 's', '125 ms'], [0.30000000000000004, '', '0.3'], [1500000, 'Bps', '1.5 MB/s'], [0, 'reqps', '0 req/s'], [0.0075, 'percentunit', '0.75%'], [-5, '', '-5'],
  ])) assert.equal(formatTick(value, unit), expected);
});

test('round ticks by family', () => {
  assert.deepEqual(['bytes', 'binBps', 'decbytes', 's', ''].map(isBinary), [true, true, false, false, false]);
  assert.deepEqual(['s', 'ms', 'h', 'dtdurations', 'bytes', ''].map(secondsIn), [1, 1e-3, 3600, 1, 0, 0]);
});

test('ticks of spans of time are whole, or have one decimal place', () => {
  const ticks = (/** @type {string} */ unit, /** @type {number[]} */ values) => values.map((value) => formatTick(value, unit));
  assert.deepEqual(ticks('s', [0, 0.25, 15, 90, 1800, 3600, 5400, 16_000, 86_400, 172_800, 691_200, 604_800, 3.15569e7]),
    ['0 s', '250 ms', '15 s', '1.5 min', '30 min', '1 hour', '1.5 hours', '16000 s', '1 day', '2 days', '8 days', '1 week', '1 year']);
  assert.deepEqual(ticks('ms', [200, 90_000, 1.6e7, 7.2e6]), ['200 ms', '1.5 min', '16000 s', '2 hours']);
  assert.deepEqual(ticks('h', [0.5, 12, 36, 48, 192]), ['0.5 hours', '12 hours', '1.5 days', '2 days', '8 days']);
  assert.equal(formatTick(16_000, 's', 1), '4.4 hours');
});
