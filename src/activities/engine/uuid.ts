import { v5 } from 'uuid';

/** A UUID that was generated once. */
const NAMESPACE = '5b1f0a3e-6c9d-4c1f-9a2e-7d8340f6b521';

/** The same for the same name (RFC 9562, 5.5), so it can be a key under which a request is repeated. */
export const toUuid = (name: string): string => v5(name, NAMESPACE);
