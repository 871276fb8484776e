import { z } from "zod";
import { checkRows } from "./check-rows";
import type { Statements } from "./database";
import { Prisma } from "./generated/client";

/** Tagged template of a statement: every `${value}` becomes a parameter, a nested `sql` becomes text. */
export const { sql, join, empty } = Prisma;
export type Sql = Prisma.Sql;

/**
 * A jsonb column. Its content was checked before it was written and is only typed here: what an older version wrote may be of
 * another form, which its reader knows. That the statement has the column is checked.
 */
export const jsonColumn = <T>(): z.ZodType<T> => z.custom<T>((value) => value !== undefined);

interface QueryOptions {
  /**
   * `every` (default) checks each row. `first` checks only the first one, for statements that return many rows or long
   * arrays on a hot path: a wrong column name or type is still found, a null in a later row is not.
   */
  check?: "every" | "first";
}

/**
 * Tagged template that runs a statement and checks its rows against a schema: the one place where rows of hand-written
 * SQL get their type. The rows are returned as the database gave them, so a schema must not transform values.
 *
 * @throws AppError "internal" where a row does not match, which means that statement and schema disagree
 */
export const queryRows =
  <Row>(db: Statements, rowSchema: z.ZodType<Row>, { check = "every" }: QueryOptions = {}) =>
  async (text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]> => {
    return checkRows(await db.$queryRaw(sql(text, ...values)), rowSchema, check);
  };

/** As `queryRows`, for a statement that returns at most one row; null where it returns none. */
export const queryRow =
  <Row>(db: Statements, rowSchema: z.ZodType<Row>) =>
  async (text: TemplateStringsArray, ...values: unknown[]): Promise<Row | null> => {
    const [row] = await queryRows(db, rowSchema)(text, ...values);
    return row ?? null;
  };
