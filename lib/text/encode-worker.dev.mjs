// Starts encode-worker.ts in a worker thread when whetstone runs from its TypeScript sources (tsx, jest).
// Never part of the built package: dist/ has encode-worker.js.
import { register } from 'tsx/esm/api';

register();
await import('./encode-worker.ts');
