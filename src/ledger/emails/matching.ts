/**
 * Whose event it is (docs/adr/0027-outbound-email.md#whose-event-it-is). CXone's ids decide, the message's before the
 * recipient's. Where CXone has not named them, the first event that names the mailbox of a recipient of the same job binds its
 * ids to that recipient. An address never decides against an id, nor across jobs, nor alone about a bounce if ids of that recipient
 * are known. Pure, except that it binds ids.
 */

export interface Addressee {
  readonly seq: number;
  readonly attempt: number;
  /** Null: erased. */
  readonly mailbox: string | null;
  messageId: string | null;
  recipientId: string | null;
}

export interface Matchable {
  readonly messageId: string | null;
  readonly recipientId: string | null;
  /** Null: it names nobody. */
  readonly mailbox: string | null;
  /** The mailbox may be one to which somebody else's message was forwarded. */
  readonly mayBeForwarded: boolean;
}

export class Matcher {
  readonly #byMessageId = new Map<string, Addressee>();
  readonly #byRecipientId = new Map<string, Addressee>();
  /** Null: several recipients have it. */
  readonly #byMailbox = new Map<string, Addressee | null>();
  /** Those whose ids were bound, and the ids. */
  readonly bound = new Set<Addressee>();
  readonly #newIds = { messageIds: new Set<string>(), recipientIds: new Set<string>() };

  /** The recipients of one job. */
  constructor(addressees: readonly Addressee[]) {
    for (const addressee of addressees) {
      const { messageId, recipientId, mailbox } = addressee;
      if (messageId !== null) this.#byMessageId.set(messageId, addressee);
      if (recipientId !== null) this.#byRecipientId.set(recipientId, addressee);
      if (mailbox !== null) this.#byMailbox.set(mailbox, this.#byMailbox.has(mailbox) ? null : addressee);
    }
  }

  /** Null: nobody is known whose event it is. */
  match(event: Matchable): Addressee | null {
    const found = this.#find(event);
    if (found) this.#bind(found, event);
    return found;
  }

  /** Ids that were bound since the last call: earlier events may have them. */
  takeNewIds(): { readonly messageIds: readonly string[]; readonly recipientIds: readonly string[] } {
    const { messageIds, recipientIds } = this.#newIds;
    const taken = { messageIds: [...messageIds], recipientIds: [...recipientIds] };
    messageIds.clear();
    recipientIds.clear();
    return taken;
  }

  #find({ messageId, recipientId, mailbox, mayBeForwarded }: Matchable): Addressee | null {
    const byMessage = messageId === null ? undefined : this.#byMessageId.get(messageId);
    if (byMessage) return byMessage;
    const byRecipient = recipientId === null ? undefined : this.#byRecipientId.get(recipientId);
    // Of the same recipient, but about another message.
    if (byRecipient) return mayBe(byRecipient.messageId, messageId) ? byRecipient : null;
    const named = mailbox === null ? null : (this.#byMailbox.get(mailbox) ?? null);
    if (!named || !mayBe(named.messageId, messageId) || !mayBe(named.recipientId, recipientId)) return null;
    return mayBeForwarded && !hasId({ messageId, recipientId }) && hasId(named) ? null : named;
  }

  #bind(addressee: Addressee, { messageId, recipientId }: Matchable): void {
    if (messageId !== null && addressee.messageId === null) {
      addressee.messageId = messageId;
      this.#byMessageId.set(messageId, addressee);
      this.#newIds.messageIds.add(messageId);
      this.bound.add(addressee);
    }
    if (recipientId !== null && addressee.recipientId === null && !this.#byRecipientId.has(recipientId)) {
      addressee.recipientId = recipientId;
      this.#byRecipientId.set(recipientId, addressee);
      this.#newIds.recipientIds.add(recipientId);
      this.bound.add(addressee);
    }
  }
}

export const hasId = ({ messageId, recipientId }: Pick<Matchable, 'messageId' | 'recipientId'>): boolean =>
  messageId !== null || recipientId !== null;

const mayBe = (known: string | null, named: string | null): boolean =>
  known === null || named === null || known === named;
