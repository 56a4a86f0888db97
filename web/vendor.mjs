// Fetches the few third-party modules the UI stands on and lays them out under vendor/ so that a browser
// can load them as they are: `node web/vendor.mjs`. Bare imports become relative ones; only the query editor, whose
// packages are many and small, is put into one file.
//
// Versions and digests are pinned in vendor-packages.mjs, so a run either gives the same files again or stops.
// To move to a new version: change the version, run, compare the printed digest with the project's own, pin it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLE, BUNDLER, MODULES, PACKAGES } from './vendor-packages.mjs';

const VENDOR = join(dirname(fileURLToPath(import.meta.url)), 'vendor');

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

/** Packs one package, checks digest and licence, and unpacks it into `folder`. */
function unpack({ name, version, licence, sha256 }, scratch, folder) {
  const spec = `${name}@${version}`;
  const packed = execFileSync('npm', ['pack', spec, '--silent', '--pack-destination', scratch], { cwd: scratch, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const archive = join(scratch, packed.trim().split('\n').at(-1) ?? '');
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (digest !== sha256) throw new Error(`${spec}: digest is ${digest}, pinned is ${sha256}`);
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['xzf', archive, '-C', folder, '--strip-components=1']);
  const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (license !== licence) throw new Error(`${spec}: licence is ${license}, expected ${licence}`);
}

function vendor(pkg, scratch) {
  const folder = join(scratch, pkg.name.replace('/', '-'));
  unpack(pkg, scratch, folder);
  mkdirSync(join(VENDOR, pkg.folder), { recursive: true });
  copyFileSync(join(folder, 'LICENSE'), join(VENDOR, pkg.folder, 'LICENSE'));
  for (const [source, target] of Object.entries(pkg.files)) {
    const text = rewrite(readFileSync(join(folder, source), 'utf8'), target);
    writeFileSync(join(VENDOR, target), pkg.minify?.includes(target) ? minified(text, scratch) : text);
  }
}

/** The program that bundles, unpacked once. */
function bundler(scratch) {
  const program = join(scratch, 'bundler', 'bin', 'esbuild');
  if (!existsSync(program)) unpack(BUNDLER, scratch, join(scratch, 'bundler'));
  chmodSync(program, 0o755);
  return program;
}

/** A module without comments and spaces. */
const minified = (text, scratch) => execFileSync(bundler(scratch), ['--minify', '--target=es2022'], { input: text, encoding: 'utf8' });

/** Makes one module of the bundle's packages, with all their licences beside it. */
function bundle(scratch) {
  const modules = join(scratch, 'node_modules');
  const licences = BUNDLE.parts.map((part) => {
    const folder = join(modules, part.name);
    unpack(part, scratch, folder);
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    if (!file) throw new Error(`${part.name} has no licence file`);
    return `${part.name} ${part.version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  writeFileSync(join(scratch, 'entry.js'), BUNDLE.entry);
  const target = join(VENDOR, BUNDLE.folder);
  mkdirSync(target, { recursive: true });
  const options = ['--bundle', '--minify', '--format=esm', '--target=es2022', '--legal-comments=none', '--log-level=warning', `--outfile=${join(target, BUNDLE.file)}`];
  execFileSync(bundler(scratch), ['entry.js', ...options], { cwd: scratch, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(join(target, 'LICENSES'), licences.join(`\n${'-'.repeat(80)}\n\n`));
  writeFileSync(join(target, BUNDLE.file.replace(/\.js$/, '.d.ts')), types());
}

/** The packages' own types span twenty files; pages use a dozen names, so these are left open. */
function types() {
  const names = [...BUNDLE.entry.matchAll(/\{([^}]+)\}/g)].flatMap(([, list]) => list.split(',').map((name) => name.trim()));
  return names.map((name) => `export const ${name}: any;\n`).join('');
}

function readme() {
  const rows = PACKAGES.map((p) => `| ${p.name} | ${p.version} | ${p.licence} | ${p.why} | \`${p.folder}/\` |`);
  const parts = BUNDLE.parts.map((p) => `| ${p.name} | ${p.version} | ${p.licence} | ${BUNDLE.why} | in \`${BUNDLE.folder}/${BUNDLE.file}\` |`);
  return [
    '# Third-party modules', '',
    'Laid out by `node web/vendor.mjs`; do not edit by hand. Imports are relative, source maps are left out, nothing else is changed.',
    `\`${BUNDLE.folder}/\` is one file made by ${BUNDLER.name} ${BUNDLER.version}, its licences lie beside it; \`uplot/uplot.js\` is made small by it.`, '',
    '| package | version | licence | what for | folder |', '|---|---|---|---|---|', ...rows, ...parts, '',
  ].join('\n');
}

const scratch = mkdtempSync(join(tmpdir(), 'watchfire-vendor-'));
try {
  rmSync(VENDOR, { recursive: true, force: true });
  for (const pkg of PACKAGES) vendor(pkg, scratch);
  bundle(scratch);
  writeFileSync(join(VENDOR, 'README.md'), readme());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
