// What is vendored: packages, versions, digests, and where their files go. `vendor.mjs` does the work.

/**
 * @typedef {object} Package
 * @property {string} name
 * @property {string} version
 * @property {string} licence SPDX name, compared with the package's own
 * @property {string} sha256 digest of the packed file
 * @property {string} why
 * @property {string} folder below vendor/
 * @property {Record<string, string>} files path in the package -> path below vendor/
 * @property {string[]} [minify] paths below vendor/ that are written without comments and spaces
 *
 * @typedef {Pick<Package, 'name' | 'version' | 'licence' | 'sha256'>} Part a package that goes into a bundle
 */

/** Where a bare import is found under vendor/. */
export const MODULES = {
  preact: 'preact/preact.js',
  'preact/hooks': 'preact/hooks.js',
  '@preact/signals-core': 'signals/signals-core.js',
};

/** @type {Package[]} */
export const PACKAGES = [
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
    // Its own small file is no module: this one is made small here, which halves what a first visit loads of it.
    minify: ['uplot/uplot.js'],
    files: {
      'dist/uPlot.esm.js': 'uplot/uplot.js',
      'dist/uPlot.min.css': 'uplot/uplot.css',
      'dist/uPlot.d.ts': 'uplot/uplot.d.ts',
    },
  },
];

/** The editor of queries: some twenty packages that only make sense together, so they become one file. */
export const BUNDLE = {
  folder: 'codemirror',
  file: 'codemirror.js',
  why: 'editing queries, with PromQL’s own completion; loaded only where a query is edited',
  /** What pages use of it. */
  entry: `
export { EditorState, Compartment, Prec, StateEffect, StateField } from '@codemirror/state';
export { EditorView, Decoration, drawSelection, hoverTooltip, keymap, placeholder } from '@codemirror/view';
export { bracketMatching, syntaxHighlighting, HighlightStyle, StreamLanguage } from '@codemirror/language';
export { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
export { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, startCompletion } from '@codemirror/autocomplete';
export { setDiagnostics } from '@codemirror/lint';
export { tags } from '@lezer/highlight';
export { EqlRegex, EqlSingle, Neq, NeqRegex } from '@prometheus-io/lezer-promql';
export { PromQLExtension } from '@prometheus-io/codemirror-promql';
`,
  /** @type {Part[]} */
  parts: [
    { name: '@codemirror/autocomplete', version: '6.20.4', licence: 'MIT', sha256: '40b9657b137284426bcd829cdee7dc78a748337de997a12b10b5c725f67aa0d0' },
    { name: '@codemirror/commands', version: '6.11.1', licence: 'MIT', sha256: 'f477f46d8c00278e1b387baebd53bd6556fd5f3c7401ebe2a05543600fcbff0f' },
    { name: '@codemirror/language', version: '6.13.1', licence: 'MIT', sha256: 'e711ec28da046f6c163e777c5466d8ac805ee9ef5f51c511e8729c6789be7f83' },
    { name: '@codemirror/lint', version: '6.9.8', licence: 'MIT', sha256: '637290fb6a6633a1a08f44c721afb75e0387d86c9b7c42d723a00a974811aae8' },
    { name: '@codemirror/state', version: '6.7.6', licence: 'MIT', sha256: '91d75acc955ceeaf86af9396c11cda7694fe6222aac8427fa033d89eff5ac839' },
    { name: '@codemirror/streamparser', version: '6.0.0', licence: 'MIT', sha256: 'b4888c5ab40350e7a1747d765948a8fa45cfd127c479dd4cdef8097046efe14a' },
    { name: '@codemirror/view', version: '6.43.15', licence: 'MIT', sha256: 'f0d5921406f841d211fa0887aabf10626c47676bfc63a4abed2a4d207e27c5ac' },
    { name: '@lezer/common', version: '1.5.5', licence: 'MIT', sha256: 'ed93cee36403124f51eae638b8a032d6694914c19704de7610db7f2a9441c963' },
    { name: '@lezer/highlight', version: '1.2.5', licence: 'MIT', sha256: 'e349eec1ff4382439c1e6286ae937e0203a8349c5192e2e133863391775ac7ff' },
    { name: '@lezer/lr', version: '1.4.12', licence: 'MIT', sha256: '64382ee7f144221e4c655f2034393c6be9cecaf5ea2ec1c1edeb99424defb272' },
    { name: '@marijn/find-cluster-break', version: '1.0.4', licence: 'MIT', sha256: '5d12b770b64d46632c84fcd18e1d4c09f195ed0f5dbc71f94a41f0af333eaeae' },
    { name: '@prometheus-io/codemirror-promql', version: '0.314.0', licence: 'Apache-2.0', sha256: '56e0925deb9a4c21065619eebc4948733042d83ed1044f5710f2af4a6e429dbf' },
    { name: '@prometheus-io/lezer-promql', version: '0.314.0', licence: 'Apache-2.0', sha256: '8ac9e21cb9bacc6c4cb1f72267ceea59737de3ab24334da99a236826d8bda81f' },
    { name: 'crelt', version: '1.0.7', licence: 'MIT', sha256: '3542299c0278fdc26aceb2b13d31bffbcb89d7367706bbc457130e3fd103c03e' },
    { name: 'lru-cache', version: '11.5.3', licence: 'BlueOak-1.0.0', sha256: 'd18739bbd7d0091d30d2cca58e120c8b70ac09a5a21aa4b2b3e9afb2dc4084d8' },
    { name: 'style-mod', version: '4.1.4', licence: 'MIT', sha256: '769073434ab698eb035cbaa9df5d028231c25d95bc7b8676a46d603fb2e89e39' },
    { name: 'w3c-keyname', version: '2.2.8', licence: 'MIT', sha256: '05d21484026d1f2dd842c843181e391e66d60f1d5dff292d562c3f40302dab36' },
  ],
};

/** Makes one file of many, and small files of large ones. */
export const BUNDLER = { name: '@esbuild/linux-x64', version: '0.28.2', licence: 'MIT', sha256: '9573bb2233aab0f9ea7647d5cca9726113cc1768de61d66b17267f4db84488f6' };
