// Fetches the few third-party modules the UI stands on and lays them out under vendor/ so that a browser
// can load them as they are: `node web/vendor.mjs`. Nothing is bundled; bare imports become relative ones.
//
// Versions and digests are pinned here, so a run either gives the same files again or stops.
// To move to a new version: change the version, run, compare the printed digest with the project's own, pin it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const VENDOR = join(dirname(fileURLToPath(import.meta.url)), 'vendor');

/** Where a bare import is found under vendor/. */
const MODULES = {
  preact: 'preact/preact.js',
  'preact/hooks': 'preact/hooks.js',
  '@preact/signals-core': 'signals/signals-core.js',
};

/**
 * @typedef {object} Package
 * @property {string} name
 * @property {string} version
 * @property {string} licence SPDX name, compared with the package's own
 * @property {string} sha256 digest of the packed file
 * @property {string} why
 * @property {string} folder below vendor/
 * @property {Record<string, string>} files path in the package -> path below vendor/
 */

/** @type {Package[]} */
const PACKAGES = [
  {
    name: 'preact', version: '11.2.0', licence: 'MIT', folder: 'preact',
    sha256: '3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf',
    why: 'components',
    files: {
      'dist/preact.mjs': 'preact/preact.js',
      'hooks/dist/hooks.mjs': 'preact/hooks.js',
      'src/index.d.ts': 'preact/preact.d.ts',
      'src/jsx.d.ts': 'preact/jsx.d.ts',
      'src/dom.d.ts': 'preact/dom.d.ts',
      'hooks/src/index.d.ts': 'preact/hooks.d.ts',
    },
  },
  {
    name: '@preact/signals-core', version: '1.14.5', licence: 'MIT', folder: 'signals',
    sha256: '94c421ac996214c94f532fb4c43d8ede048a16df0cd9538ffb965174dbe8daba',
    why: 'values that redraw only what reads them',
    files: {
      'dist/signals-core.mjs': 'signals/signals-core.js',
      'dist/signals-core.d.ts': 'signals/signals-core.d.ts',
    },
  },
  {
    name: '@preact/signals', version: '2.11.4', licence: 'MIT', folder: 'signals',
    sha256: '66ea8221dd8aaa0da2365d49c3f116b071d56cfb63b2e16c072c6b4e08a928b7',
    why: 'the same inside components',
    files: { 'dist/signals.mjs': 'signals/signals.js', 'dist/signals.d.ts': 'signals/signals.d.ts' },
  },
  {
    name: 'htm', version: '3.1.1', licence: 'Apache-2.0', folder: 'htm',
    sha256: '2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90',
    why: 'markup in template strings, so that no build step is needed',
    files: { 'dist/htm.module.js': 'htm/htm.js', 'dist/htm.d.ts': 'htm/htm.d.ts' },
  },
  {
    name: 'uplot', version: '1.6.32', licence: 'MIT', folder: 'uplot',
    sha256: '4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d',
    why: 'time series on a canvas',
    files: {
      'dist/uPlot.esm.js': 'uplot/uplot.js',
      'dist/uPlot.min.css': 'uplot/uplot.css',
      'dist/uPlot.d.ts': 'uplot/uplot.d.ts',
    },
  },
];

/** Text replacements beyond imports: type files that name a neighbour we lay out elsewhere. */
const RENAMED = { './index': './preact.js', './jsx': './jsx.js', './dom': './dom.js', '../../src/index': './preact.js' };

/**
 * Turns bare and moved imports into relative paths and drops source map lines, whose maps are not vendored.
 * One type file describes a CommonJS module; what we load is the ES one.
 * @param {string} text
 * @param {string} target
 */
function rewrite(text, target) {
  const from = dirname(target);
  const swap = (whole, before, quote, name) => {
    if (RENAMED[name] && target.endsWith('.d.ts')) return `${before}${quote}${RENAMED[name]}${quote}`;
    const found = MODULES[name];
    if (!found) return whole;
    const path = relative(from, found);
    return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`;
  };
  return text
    .replace(/(from\s*|import\s*\(?\s*|declare module\s+)(["'])([^"']+)\2/g, swap)
    .replace(/\n?\/\/# sourceMappingURL=\S+/g, '')
    .replace(/^export = (\w+);$/m, 'export default $1;')
    .trimEnd() + '\n';
}

/** Packs one package into `scratch`, checks digest and licence, and copies its files. */
function vendor(pkg, scratch) {
  const spec = `${pkg.name}@${pkg.version}`;
  const packed = execFileSync('npm', ['pack', spec, '--silent', '--pack-destination', scratch], { cwd: scratch, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const archive = join(scratch, packed.trim().split('\n').at(-1) ?? '');
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (digest !== pkg.sha256) throw new Error(`${spec}: digest is ${digest}, pinned is ${pkg.sha256}`);
  const folder = join(scratch, pkg.name.replace('/', '-'));
  mkdirSync(folder);
  execFileSync('tar', ['xzf', archive, '-C', folder, '--strip-components=1']);
  const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (license !== pkg.licence) throw new Error(`${spec}: licence is ${license}, expected ${pkg.licence}`);
  mkdirSync(join(VENDOR, pkg.folder), { recursive: true });
  copyFileSync(join(folder, 'LICENSE'), join(VENDOR, pkg.folder, 'LICENSE'));
  for (const [source, target] of Object.entries(pkg.files)) {
    writeFileSync(join(VENDOR, target), rewrite(readFileSync(join(folder, source), 'utf8'), target));
  }
}

function readme() {
  const rows = PACKAGES.map((p) => `| ${p.name} | ${p.version} | ${p.licence} | ${p.why} | \`${p.folder}/\` |`);
  return [
    '# Third-party modules', '',
    'Laid out by `node web/vendor.mjs`; do not edit by hand. Imports are relative, source maps are left out, nothing else is changed.', '',
    '| package | version | licence | what for | folder |', '|---|---|---|---|---|', ...rows, '',
  ].join('\n');
}

const scratch = mkdtempSync(join(tmpdir(), 'watchfire-vendor-'));
try {
  rmSync(VENDOR, { recursive: true, force: true });
  for (const pkg of PACKAGES) vendor(pkg, scratch);
  writeFileSync(join(VENDOR, 'README.md'), readme());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
