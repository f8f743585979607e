// RMSNorm and its gradient on every backend, against the oracle.
import { norm, normBwd } from '../support/cases/norm.js';
import { testAsOracle, testThreadIndependence } from '../support/compare.js';

describe('norm', () => {
  testAsOracle(norm);
});
describe('norm backward', () => {
  testAsOracle(normBwd);
});
describe('norm, threads', () => {
  testThreadIndependence([...norm.slice(-4), ...normBwd.slice(-4)]);
});
