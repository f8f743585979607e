// jest transformer: TypeScript and ES modules to CommonJS by esbuild, with inline source maps.
const { transformSync } = require('esbuild');
const { pathToFileURL } = require('node:url');

module.exports = {
  process(source, filename) {
    const { code } = transformSync(source, {
      loader: filename.endsWith('ts') ? 'ts' : 'js',
      format: 'cjs', target: 'node20', supported: { 'dynamic-import': false }, sourcemap: 'inline', sourcefile: filename,
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(filename).href) },
    });
    return { code };
  },
};
