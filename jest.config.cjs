// jest runs TypeScript through esbuild (which comes with tsx); the environment shares natives with the outer realm.
module.exports = {
  rootDir: __dirname,
  testEnvironment: '<rootDir>/test/support/environment.cjs',
  transform: {
    '^.+\\.m?ts$': '<rootDir>/test/support/transform.cjs',
    // Packages that ship ES modules only.
    '/node_modules/(hyparquet|hyparquet-compressors|hysnappy)/.+\\.js$': '<rootDir>/test/support/transform.cjs',
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transformIgnorePatterns: ["/node_modules/(?!@huggingface|hyparquet|hysnappy|@clack)"],
  moduleFileExtensions: ['ts', 'mjs', 'cjs', 'js', 'json', 'node'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/build', '<rootDir>/.gpu'],
};
