// silu(gate) * up and its gradient on every backend, against the oracle.
import { swiglu, swigluBwd } from '../support/cases/swiglu.js';
import { testAsOracle, testThreadIndependence } from '../support/compare.js';

describe('swiglu', () => {
  testAsOracle(swiglu);
});
describe('swiglu backward', () => {
  testAsOracle(swigluBwd);
});
describe('swiglu, threads', () => {
  testThreadIndependence([...swiglu.slice(-3), ...swigluBwd.slice(-3)]);
});
