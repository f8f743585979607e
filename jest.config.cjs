// jest runs TypeScript through esbuild (which comes with tsx); the environment shares natives with the outer realm.
module.exports = {
  rootDir: __dirname,
  testEnvironment: '<rootDir>/test/support/environment.cjs',
  transform: {
    '^.+\\.m?ts$': '<rootDir>/test/support/transform.cjs',
    // Packages that ship ES modules only.
    '/node_modules/(hyparquet|hyparquet-compressors|hysnappy|eld)/.+\\.js$': '<rootDir>/test/support/transform.cjs',
  },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^eld/medium$': '<rootDir>/node_modules/eld/src/entries/static.medium.js', // its exports are for import only
  },
  transformIgnorePatterns: ["/node_modules/(?!@huggingface|hyparquet|hysnappy|@clack|eld/)"],
  moduleFileExtensions: ['ts', 'mjs', 'cjs', 'js', 'json', 'node'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/build', '<rootDir>/.gpu'],
};
