/** Keys of PostgreSQL's advisory locks. Each lock is held until its transaction ends. */

/** With the run's number: claims share it, a change of the steering takes it alone. */
export const STEERING_LOCK = 4201;
/** One process at a time seals the audit. */
export const SEALER_LOCK = 4202;
