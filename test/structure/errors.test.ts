// The error class that everything else throws.
import { EngineError, isEngineError } from '../../lib/errors.js';

test('an engine error carries its code and details, and is recognised by code', () => {
  const error = new EngineError('lora.r: expected a positive integer', { code: 'ERR_CONFIG', key: 'lora.r', line: 3 });
  expect(error).toBeInstanceOf(Error);
  expect(isEngineError(error, 'ERR_CONFIG') && error.details.line).toBe(3);
  expect(isEngineError(error, 'ERR_CLOSED')).toBe(false);
  expect(isEngineError(new Error('plain'))).toBe(false);
});
