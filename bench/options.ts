/** The arguments of `npm run bench`. */
import { parseArgs } from 'node:util';

const SCENES = ['throughput', 'limit', 'kill', 'steer'] as const;
export type Scene = (typeof SCENES)[number];

const PEERS = ['graphile-worker', 'pg-boss', 'dbos'] as const;
export type Peer = (typeof PEERS)[number];

export interface Options {
  readonly scene: Scene;
  /** In each round all contenders run once, one after the other. */
  readonly rounds: number;
  /** The number of records of a run. */
  readonly sizes: readonly number[];
  readonly latenciesMs: readonly number[];
  /** Requests in flight. */
  readonly concurrencies: readonly number[];
  readonly peers: readonly Peer[];
  /** For the scene `limit`: the number of full minutes to count. */
  readonly minutes: number;
  /** A file for all measurements. */
  readonly json: string | null;
  /** A folder for CPU profiles of the workers; null: no profiles. */
  readonly profile: string | null;
}

export const USAGE = `npm run bench -- [scene] [options]

Scenes
  throughput   cxflow compared with a bare concurrent script, a sequential loop and --peers (default)
  limit        two workers under a limit of 1,000 requests per minute
  kill         kill -9 of the worker in the middle of a run, then a new worker
  steer        pause, resume and cancel in the middle of a run

Options
  --full              10k, 100k and 1M records, and all peers: takes hours
  --quick             30,000 records, 16 in flight, 0 and 50 ms, five rounds: about three minutes
  --rounds N          the number of rounds, default 5; results are medians
  --sizes 10k,100k    records per run; k and M are understood. Default 100k (steer: 1M)
  --latencies 0,50    latencies of the vendor in ms. Default 0,50
  --concurrency 16,32 requests in flight. Default 16,32
  --peers LIST        of ${PEERS.join(', ')}, or all; needs: (cd bench/peers && npm ci)
  --minutes N         for limit: the number of full minutes to count. Default 5
  --json FILE         write all measurements to FILE
  --profile DIR       write a CPU profile of each worker to DIR (slows it down a little)
`;

/** Errors: invalid arguments. */
export function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      sizes: { type: 'string' },
      latencies: { type: 'string', default: '0,50' },
      concurrency: { type: 'string' },
      peers: { type: 'string' },
      minutes: { type: 'string', default: '5' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const scene = positionals[0] ?? 'throughput';
  if (!SCENES.includes(scene as Scene)) throw new Error(`there is no scene ${scene}\n\n${USAGE}`);
  const sizes = values.sizes ?? defaultSizes(scene, values);
  return {
    scene: scene as Scene,
    rounds: parseNumber(values.rounds),
    sizes: parseList(sizes),
    latenciesMs: parseList(values.latencies),
    concurrencies: parseList(values.concurrency ?? (values.quick ? '16' : '16,32')),
    peers: parsePeers(values.peers ?? (values.full ? 'all' : '')),
    minutes: parseNumber(values.minutes),
    json: values.json ?? null,
    profile: values.profile ?? null,
  };
}

function defaultSizes(
  scene: string,
  { full, quick }: { readonly full: boolean; readonly quick: boolean },
): string {
  if (quick) return '30k';
  if (full) return '10k,100k,1M';
  return scene === 'steer' ? '1M' : '100k';
}

function parsePeers(text: string): readonly Peer[] {
  if (text === 'all') return PEERS;
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !PEERS.includes(name as Peer));
  if (unknown !== undefined) throw new Error(`there is no peer ${unknown}; there are ${PEERS.join(', ')}`);
  return names as Peer[];
}

export const parseList = (text: string): number[] => text.split(',').map(parseNumber);

export function parseNumber(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kM]?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw new Error(`${text} is not a number`);
  return Number(digits) * (unit === 'M' ? 1_000_000 : unit === 'k' ? 1_000 : 1);
}
