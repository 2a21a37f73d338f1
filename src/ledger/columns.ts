/** The types of columns. */
import type { ColumnType } from 'kysely';

/** Read as T, written as text. */
export type Json<T> = ColumnType<T, string, string>;
export type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;
