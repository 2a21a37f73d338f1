/** The port to the datasets: bytes of sources that clients handed over, kept here so that every worker can read them. */

export interface Datasets {
  /**
   * Reads `bytes` once, completely, and keeps them all or not at all. The id is made of format and content, so the same
   * content is kept once; a repetition only updates the name. Errors: whatever `bytes` throws.
   */
  stage(name: string, format: string, bytes: AsyncIterable<Uint8Array>): Promise<Dataset>;

  find(id: string): Promise<Dataset | undefined>;

  /** The bytes, completely and in order. Errors: DatasetGone, if it is deleted before the last byte was read. */
  read(id: string): AsyncIterable<Uint8Array>;
}

export interface Dataset {
  readonly id: string;
  readonly name: string;
  readonly format: string;
  readonly sha256: string;
  readonly bytes: number;
  /** When it was staged last. */
  readonly createdAt: Date;
}

/** The dataset existed when the reading began. An erasure deletes datasets that name the data subject. */
export class DatasetGone extends Error {
  override readonly name = 'DatasetGone';
  constructor(id: string) {
    super(`dataset ${id} was deleted while it was read (cxflow erase does that); hand the file over again`);
  }
}
