/** The definitions of all operations of this worker, and which endpoints have a subscriber. */
import type { BulkDefinition, Endpoint, OperationDefinition } from './definition.ts';

export class Registry {
  readonly #definitions: ReadonlyMap<string, OperationDefinition>;
  readonly #hasSubscriber: (endpoint: Endpoint) => boolean;

  constructor(definitions: readonly OperationDefinition[], hasSubscriber: (endpoint: Endpoint) => boolean) {
    this.#definitions = new Map(definitions.map((definition) => [definition.spec.kind, definition]));
    this.#hasSubscriber = hasSubscriber;
  }

  get(kind: string): OperationDefinition {
    const definition = this.#definitions.get(kind);
    if (!definition) throw new Error(`this worker knows no operation ${kind}`);
    return definition;
  }

  bulk(kind: string): BulkDefinition {
    const definition = this.get(kind);
    if (!isBulk(definition)) throw new Error(`${kind} does not write its records in batches`);
    return definition;
  }

  hasSubscriber(kind: string): boolean {
    return this.#hasSubscriber(this.get(kind).event.endpoint);
  }

  /** The event that each settled batch emits; null if there is only one for the run, or nobody has subscribed to it. */
  subscribedEvent(kind: string): string | null {
    const { event } = this.get(kind);
    return event.renderRun === undefined && this.hasSubscriber(kind) ? event.name : null;
  }

  /** For writes that end without an answer: null if the event lists what CXone has, since nobody knows that. */
  eventWithoutAnswer(kind: string): string | null {
    const definition = this.get(kind);
    return isBulk(definition) && !definition.event.renderItems ? this.subscribedEvent(kind) : null;
  }
}

function isBulk(definition: OperationDefinition): definition is BulkDefinition {
  return 'recordsPerBatch' in definition;
}
