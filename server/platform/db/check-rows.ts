import { z } from "zod";
import { AppError, describeIssues } from "@/contracts/errors";

/** The rows as they are. @throws AppError "internal" where one does not match */
export function checkRows<Row>(
  rows: readonly unknown[],
  rowSchema: z.ZodType<Row>,
  check: "every" | "first" = "every",
): Row[] {
  const result = z.array(rowSchema).safeParse(check === "first" ? rows.slice(0, 1) : rows);
  if (!result.success)
    throw new AppError(
      "internal",
      `The database returned rows of another form than expected:\n${describeIssues(result.error)}`,
      { cause: result.error },
    );
  return rows as Row[];
}
