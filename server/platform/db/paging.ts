import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";

/** Escapes a text for a pattern of LIKE: `%` and `_` in it mean themselves. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, "\\$&");

/** A pattern of LIKE that matches a text wherever it stands. */
export const buildLikePattern = (text: string): string => `%${escapeLike(text)}%`;

/**
 * Cuts rows to a page. A statement reads one row more than a page holds, which tells whether another page follows.
 *
 * @param getCursor where the next page begins, from the last row of this one
 */
export function cutPage<Row>(
  rows: readonly Row[],
  limit: number,
  getCursor: (last: Row) => string,
): { rows: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: rows.length > limit && last ? getCursor(last) : null };
}

const cursorSchema = z.tuple([z.string(), z.string()]);

/** Cursor of a list that is sorted by a key, then by id: both of the last row of a page. */
export const formatCursor = (key: string | null, id: string): string => JSON.stringify([key, id]);

/** @throws AppError "invalid-input" where the text is not what `formatCursor` gave */
export function parseCursor(cursor: string): { key: string; id: string } {
  const result = cursorSchema.safeParse(parseJsonOrNull(cursor));
  if (!result.success)
    throw new AppError("invalid-input", "The cursor is not one that this list gave.");
  const [key, id] = result.data;
  return { key, id };
}
