/** Signs an attempt by Standard Webhooks 1.0 (docs/webhooks.md), with the library of that specification. */
import { Webhook } from 'standardwebhooks';

/** Headers of an attempt at `at`; none without a secret. With two secrets both sign, so that either of them verifies. */
export type Sign = (id: string, body: string, at: Date) => Readonly<Record<string, string>>;

/** @param secrets as in CXFLOW_WEBHOOK_SECRET: `whsec_` and base64 */
export function createSigner(secrets: readonly { reveal(): string }[]): Sign {
  const keys = secrets.map((secret) => new Webhook(secret.reveal()));
  if (keys.length === 0) return () => ({});
  return (id, body, at) => ({
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': keys.map((key) => key.sign(id, at, body)).join(' '),
  });
}
