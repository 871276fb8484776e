import { Prisma } from "./generated/client";

/** The columns of a table that rows sent as JSON fill, as SQL for `jsonb_to_recordset` and INSERT. */
export interface RecordColumns {
  /** "a, b" */
  names: Prisma.Sql;
  /** "a int, b jsonb" */
  definitions: Prisma.Sql;
  /** "r.a, nullif(r.b, 'null'::jsonb)" for the alias "r": a null in JSON becomes NULL also in a jsonb column. */
  values: Prisma.Sql;
}

/** @param types type by column, both literals of ours and never input */
export function buildRecordColumns(
  types: Readonly<Record<string, string>>,
  alias: string,
): RecordColumns {
  const columns = Object.entries(types);
  return {
    names: Prisma.raw(columns.map(([name]) => name).join(", ")),
    definitions: Prisma.raw(columns.map(([name, type]) => `${name} ${type}`).join(", ")),
    values: Prisma.raw(
      columns
        .map(([name, type]) =>
          type === "jsonb" ? `nullif(${alias}.${name}, 'null'::jsonb)` : `${alias}.${name}`,
        )
        .join(", "),
    ),
  };
}
