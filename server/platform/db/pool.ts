import pg from "pg";
import { toStorableText } from "./json";

const toStorable = (value: unknown): unknown => {
  if (typeof value === "string") return toStorableText(value);
  return Array.isArray(value) ? value.map(toStorable) : value;
};

/**
 * A client whose parameters are all made storable: the one way that a value takes into a statement, Prisma's own and
 * hand-written ones. JSON is made storable where it is made (`toJson`), as it escapes what PostgreSQL refuses.
 */
class StorableClient extends pg.Client {
  override query = ((...args: unknown[]) => {
    const [statement, values] = args;
    if (Array.isArray(values)) args[1] = values.map(toStorable);
    else if (typeof statement === "object" && statement !== null && "values" in statement)
      args[0] = { ...statement, values: (statement.values as unknown[]).map(toStorable) };
    return (pg.Client.prototype.query as (...all: unknown[]) => unknown).apply(this, args);
  }) as pg.Client["query"];
}

/** Time to get a connection, waiting for a free one included. */
const CONNECT_MS = 30_000;

export const createPool = (url: string): pg.Pool =>
  new pg.Pool({
    connectionString: url,
    max: 24,
    connectionTimeoutMillis: CONNECT_MS,
    Client: StorableClient as unknown as new () => pg.PoolClient,
  });
