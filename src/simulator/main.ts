/** `simulator [flags]`: prints one line of JSON, `{"url": …}`, once it listens, and runs until SIGINT or SIGTERM. */
import { readFlags, USAGE } from './flags.ts';
import { createSimulator, type SimulatorOptions } from './simulator.ts';

async function main(): Promise<void> {
  const options = flagsOrExit();
  if (options === null) {
    console.log(USAGE);
    return;
  }
  const simulator = createSimulator(options);
  const { url } = await simulator.listen();
  console.log(JSON.stringify({ url }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      simulator.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

function flagsOrExit(): SimulatorOptions | null {
  try {
    return readFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
