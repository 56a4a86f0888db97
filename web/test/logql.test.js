import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedAt } from '../lib/logcomplete.js';
import { volumeOf, withChoice } from '../lib/logedit.js';
import { piecesOf, soughtBy } from '../lib/loghighlight.js';
import { partsOf, quoted, tokensOf, unquoted } from '../lib/logql.js';
import { whyNoLines } from '../lib/logwhy.js';

test('words of a query', () => {
  const words = (/** @type {string} */ text) => tokensOf(text).map(({ kind, text: word, open }) => `${kind} ${word}${open ? ' …' : ''}`);
  assert.deepEqual(words('{a="b\\"c"} |= `x` # y'), ['sign {', 'word a', 'sign =', 'text "b\\"c"', 'sign }', 'sign |=', 'text `x`', 'comment # y']);
  assert.deepEqual(words('| logfmt --strict [5m] >= 1.5KB'), ['sign |', 'word logfmt', 'flag --strict', 'sign [', 'number 5m', 'sign ]', 'sign >=', 'number 1.5KB']);
  assert.deepEqual(words('{a="b'), ['sign {', 'word a', 'sign =', 'text "b …']);
  assert.deepEqual(words('"\\"'), ['text "\\" …']);
  assert.deepEqual([unquoted('"a\\n\\x41\\u00e4\\""'), unquoted('`a\\n`'), unquoted('"open'), unquoted(quoted('"\\\n\t€'))], ['a\nAä"', 'a\\n', 'open', '"\\\n\t€']);
});

test('selectors, their stages and filters are found', () => {
  const query = 'sum by (x) (rate({a="b", c=~"d.*"} |= "one" or "two" != "no" | json | status != "200" [5m])) / count_over_time({e!="f"}[1m])';
  const [first, second] = partsOf(query);
  assert.equal(query.slice(first.from, first.to), '{a="b", c=~"d.*"} |= "one" or "two" != "no" | json | status != "200"');
  assert.deepEqual(first.matchers.map(({ name, op, value }) => name + op + value), ['a=b', 'c=~d.*']);
  assert.deepEqual(first.filters, [{ op: '|=', texts: ['one', 'two'] }, { op: '!=', texts: ['no'] }]);
  assert.deepEqual([first.parsers, second.parsers, query.slice(second.from, second.to)], [['json'], [], '{e!="f"}']);
  assert.deepEqual([partsOf('up'), partsOf('{a="b"} | json x, y')[0].parsers], [[], []]);
});

test('a click keeps or leaves out a value, and takes it back', () => {
  const stream = /** @type {const} */ ({ name: 'job', value: 'a"b', from: 'stream' });
  assert.equal(withChoice('{x="y"} |= "z"', stream, '='), '{x="y", job="a\\"b"} |= "z"');
  assert.equal(withChoice('{x="y", job="a\\"b"}', stream, '='), '{x="y"}');
  assert.equal(withChoice('{x="y", job="a\\"b"}', stream, '!='), '{x="y", job!="a\\"b"}');
  assert.equal(withChoice('{job="a\\"b"}', stream, '='), '{job="a\\"b"}', 'a selector is never empty');
  const label = /** @type {const} */ ({ name: 'level', value: 'ERROR', from: 'label' });
  assert.equal(withChoice('{x="y"}', label, '!='), '{x="y"} | level!="ERROR"');
  assert.equal(withChoice('{x="y"} | level!="ERROR"', label, '!='), '{x="y"}');
  assert.equal(withChoice('{x="y"} | level!="ERROR"', label, '='), '{x="y"} | level="ERROR"');
  const field = /** @type {const} */ ({ name: 'status', value: '500', from: 'json' });
  assert.equal(withChoice('{x="y"}', field, '='), '{x="y"} | json | status="500"');
  assert.equal(withChoice('{x="y"} | json', field, '='), '{x="y"} | json | status="500"');
  assert.equal(withChoice('{x="y"} | json method', field, '='), '{x="y"} | json method | json | status="500"');
  assert.equal(withChoice('rate({a="b"}[1m]) / rate({c="d"} |= "e" [1m])', label, '='), 'rate({a="b"} | level="ERROR"[1m]) / rate({c="d"} |= "e" | level="ERROR" [1m])');
});

test('what a query counts over time', () => {
  assert.equal(volumeOf('({a="b"} |= "c") # why', '10s'), 'sum by (level, detected_level) (count_over_time({a="b"} |= "c" | drop __error__, __error_details__ [10s]))');
  assert.equal(volumeOf('vector(1)', '10s'), null);
});

test('what filters found is marked', () => {
  const marked = (/** @type {string} */ query, /** @type {string} */ line) => piecesOf(line, soughtBy(query)).map(({ text, hit }) => (hit ? `[${text}]` : text)).join('');
  assert.equal(marked('{a="b"} |= "er." |~ "(?i)WARN|b+"', 'er. error warn abba'), '[er.] error [warn] a[bb]a');
  assert.equal(marked('{a="b"} |= "ab" |= "bc"', 'abcd'), '[abc]d');
  assert.equal(marked('{a="b"} != "x" | json | y != "z" | w = "v"', 'x z v'), 'x z v');
  assert.equal(marked('{a="b"} |> "<_> level=<_> x"', 'a level=b x'), 'a [level=]b [x]');
  assert.equal(marked('{a="b"} |~ "(?P<n>a)(b)"', 'cab'), 'c[ab]');
  // What a browser reads otherwise, or could take for ever over, is left unmarked.
  for (const hard of ['(a+)+$', '[[:alpha:]]', '\\pL', 'a(?i)b', '(']) assert.equal(marked(`{a="b"} |~ ${quoted(hard)}`, 'aaaa'), 'aaaa', hard);
  const long = 'x'.repeat(30_000);
  assert.equal(piecesOf(`${long}needle`, soughtBy('{a="b"} |= "needle"')).length, 1);
  assert.deepEqual(piecesOf('a', []), [{ text: 'a', hit: false }]);
});

test('completion knows what can stand where', () => {
  const wanted = (/** @type {string} */ text) => {
    const at = text.indexOf('‸');
    const found = wantedAt(text.replace('‸', ''), at);
    return found && [found.what, text.slice(found.from, at), found.name, found.selector].filter((part) => part !== '').join(' ');
  };
  for (const [text, expected] of /** @type {[string, string | null][]} */ ([
    ['ra‸', 'query ra'],
    ['{‸', 'label'],
    ['{jo‸', 'label jo'],
    ['{a="b", jo‸}', 'label jo {a="b"}'],
    ['{job ‸', 'operator'],
    ['{job="a‸"}', 'value a job'],
    ['{a=~"b", job=‸', 'value job {a=~"b"}'],
    ['{a="b"} ‸', 'parser {a="b"}'],
    ['{a="b"} | js‸', 'stage js {a="b"}'],
    ['{a="b"} |‸', 'stage {a="b"}'],
    ['{a="b"} |= "te‸', null],
    ['{a="b"} | json | status="5‸', 'fieldValue 5 status {a="b"}'],
    ['{a="b"} | json | unwrap du‸', 'field du {a="b"}'],
    ['sum by (vi‸) (rate({a="b"}[1m]))', 'grouping vi {a="b"}'],
    ['rate({a="b"}[‸', 'span {a="b"}'],
    ['rate({a="b"}[1m])‸', null],
    ['{a="b"} # com‸', null],
  ])) assert.equal(wanted(text), expected, text);
});

test('a query that finds nothing says why', async () => {
  const labels = { job: ['access', 'flask-app'], service: ['order-service'] };
  const why = async (/** @type {string} */ query, stats = { streams: 0, entries: 0 }, all = /** @type {Record<string, string[]>} */ (labels)) => {
    const found = await whyNoLines(query, { stats: async () => stats, names: async () => Object.keys(all), values: async (name) => all[name] });
    return found && { message: found.message, part: query.slice(found.start, found.end), instead: found.instead };
  };
  assert.deepEqual(await why('{job="acces"}'), { message: 'No stream has job="acces"; job is access, flask-app.', part: '"acces"', instead: ['"access"'] });
  assert.deepEqual(await why('{jobb="access"}'), { message: 'No stream has a label jobb; the names are job, service.', part: 'jobb', instead: ['job'] });
  assert.deepEqual((await why('{job=~"x.+", service=""}'))?.message, 'No stream has job=~"x.+"; job is access, flask-app.');
  assert.match((await why('{job="access", service="order-service"}'))?.message ?? '', /^Each of these labels/);
  assert.match((await why('{job="access"} |= "x"', { streams: 2, entries: 1200 }))?.message ?? '', /^2 streams with about 1,200 lines .* no line passes/);
  assert.match((await why('{job="access"}', undefined, {}))?.message ?? '', /^No logs were stored/);
  assert.equal(await why('vector(1)'), null);
});
