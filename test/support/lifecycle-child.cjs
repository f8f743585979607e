// A process that a lifecycle test runs, because what it tries kills processes when it is wrong. Plain JavaScript over
// the native addon alone. Usage: node lifecycle-child.cjs MODE ADDON OPTIONS.json
const { readFileSync } = require('node:fs');
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads');

const [mode, addonPath, optionsPath] = isMainThread ? process.argv.slice(2) : workerData;
const addon = require(addonPath);
const { options, modules, tokens } = JSON.parse(readFileSync(optionsPath, 'utf8'));

const batch = (slot) => {
  const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7) % 50);
  return { tokens: ids, labels: ids, positions: ids.map((_, i) => i), seqBegin: Int32Array.from([0, tokens]),
    segmentBegin: Int32Array.from([0, tokens]), segmentSlot: Int32Array.from([slot]), neftuneAlpha: 0, labelSmoothing: 0 };
};

async function open() {
  const session = await addon.openSession(1, options);
  const slot = await session.addAdapter({ modules, dropout: 0, seed: 1n });
  return { session, slot };
}

const say = (line) => process.stdout.write(`${line}\n`);
const fail = (error) => { say(`FAILED ${error?.stack ?? JSON.stringify(error)}`); process.exitCode = 1; };
const code = (promise) => promise.then(() => 'done', (error) => error.code);

const modes = {
  // Exit while a step runs: the process ends at once and cleanly.
  async exit() {
    const { session, slot } = await open();
    session.accumulate(0, batch(slot)).catch(() => {});
    setTimeout(() => { say('leaving'); process.exit(0); }, 5);
  },
  // A pending step keeps the process alive; an idle session does not.
  async wait() {
    const { session, slot } = await open();
    session.accumulate(0, batch(slot)).then((losses) => say(`loss of ${losses.length}`), fail);
  },
  async close() {
    const { session, slot } = await open();
    const running = code(session.accumulate(0, batch(slot)));
    const queued = code(session.accumulate(0, batch(slot)));
    await new Promise((done) => setTimeout(done, 5));
    await Promise.all([session.close(), session.close()]);
    say(`${await running} ${await queued} ${await code(session.accumulate(0, batch(slot)))}`);
    await session.close();
  },
  async collect() {
    for (let i = 0; i < 20; i += 1) {
      const { session, slot } = await open();
      await session.evaluate(0, batch(slot), new Float32Array(tokens));
    }
    let held = 0;
    for (let i = 0; i < 20; i += 1) {
      global.gc();
      await new Promise((done) => setTimeout(done, 10));
      held = process.memoryUsage().rss;
    }
    say(`collected ${Math.round(held / 2 ** 20) > 0}`);
  },
  // A promise under way holds its session; the result still arrives after everything else has let go of it.
  async heldByPromise() {
    let pending;
    {
      const { session, slot } = await open();
      pending = session.accumulate(0, batch(slot));
    }
    for (let i = 0; i < 5; i += 1) {
      global.gc();
      await new Promise((done) => setTimeout(done, 2));
    }
    say(`loss of ${(await pending).length}`);
  },
  async two() {
    const [a, b] = await Promise.all([open(), open()]);
    const losses = await Promise.all([a, b].flatMap(({ session, slot }) => [session.accumulate(0, batch(slot)), session.accumulate(0, batch(slot))]));
    say(`same ${new Set(losses.map(([l]) => l.lossSum)).size}`);
    await Promise.all([a.session.close(), b.session.close()]);
  },
  async foreign() {
    const { session } = await open();
    const outcomes = [{}, null, 5, Object.create(session), new Proxy(session, {})].map((self) => {
      try {
        session.memory.call(self);
        return 'called';
      } catch (error) {
        return error.constructor.name;
      }
    });
    let made;
    try {
      made = new session.constructor();
    } catch (error) {
      made = error.message;
    }
    say(`${outcomes.join(' ')} ${made}`);
    await session.close();
  },
  async terminate() {
    for (let i = 0; i < 60; i += 1) {
      const worker = new Worker(__filename, { workerData: ['worker', addonPath, optionsPath] });
      await new Promise((done, broken) => {
        worker.once('message', done);
        worker.once('error', broken);
      });
      await new Promise((done) => setTimeout(done, i % 7));
      await worker.terminate();
    }
    say('terminated 60');
  },
  async worker() {
    const { session, slot } = await open();
    session.accumulate(0, batch(slot)).catch(() => {});
    session.evaluate(0, batch(slot), new Float32Array(tokens)).catch(() => {});
    parentPort.postMessage('running', []);
    setInterval(() => {}, 1000);
  },
  async plugin() {
    say(await addon.devices(options.plugin).then(() => 'loaded', (error) => `${error.code} ${error.details.why} ${error.message}`));
  },
};

modes[mode]().catch(fail);
