// Lists the C++ sources of one target for binding.gyp, so that a new file needs no edit there. Folders that do not
// exist count as empty. Usage: node scripts/sources.cjs core | engine | testing
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');

function sources(folder, keep = () => true) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith('.cc') && keep(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

const isTesting = (name) => name.startsWith('testing');
const isOracle = (name) => name.startsWith('oracle');

const targets = {
  // What both addons share: everything below the addon but the oracle.
  core: () =>
    ['base', 'text', 'cpu', 'runtime', 'model', 'engine'].flatMap((folder) =>
      sources(`native/${folder}`, (name) => !isOracle(name)),
    ),
  engine: () => sources('native/addon', (name) => !isTesting(name)),
  testing: () => [...sources('native/addon'), ...sources('native/cpu', isOracle)],
};

module.exports = { targets };
if (require.main === module) console.log(targets[process.argv[2]]().join('\n'));
