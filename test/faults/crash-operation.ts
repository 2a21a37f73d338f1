/** An operation at whose crash points workers are killed (crash-operations.test.ts). */
import type { RunResult } from '../../src/contract/run.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { Lane } from './crash-scenes.ts';
import type { Stand } from './stand.ts';

export interface OperationScene {
  readonly point: string;
  /** Used as run id, and as list or campaign id. */
  readonly name: string;
  /** Unique among the scenes of the operation. */
  readonly n: number;
}

export interface EndedScene {
  readonly scene: OperationScene;
  readonly result: RunResult;
  /** False: the run ended without reaching its crash point. */
  readonly isKilled: boolean;
}

export interface Operation {
  readonly title: string;
  readonly inFlight: number;
  /** Environment variables of its workers. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many of its runs go on at the same time. */
  readonly lanes?: number;
  readonly start: (stand: Stand, lane: Lane, scene: OperationScene) => Promise<unknown>;
  /** How many records may be in doubt after a crash, because they must not be sent again. Default 0. */
  readonly mostInDoubt?: number;
  /** Called once, before anything is started. */
  readonly prepare?: (stand: Stand) => Promise<unknown>;
  /** A fault that loses the answer to one request of the scene. */
  readonly lostAnswer: (scene: OperationScene) => FaultRule | null;
  /** Whether every run passes this crash point, in whatever order. */
  readonly isReproducible: (point: string) => boolean;
}

/** Contacts in a batch. */
export const BATCH_SIZE = 100;

/** With several requests in flight, only the first occurrences of a crash point are certain. */
export const isEarly = (point: string, most = 4): boolean => Number(point.split(':').at(-1)) <= most;
