import pg from "pg";
import type { TestProject } from "vitest/node";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres } from "./postgres";

declare module "vitest" {
  export interface ProvidedContext {
    /** Address of the `postgres` database of this test run's PostgreSQL. */
    postgresUrl: string;
  }
}

/** Migrated once for a test run and copied by each test; nothing may stay connected to it. */
export const TEMPLATE_DATABASE = "s3_template";

/** Starts one PostgreSQL for a test run, with the template from which each test gets a database of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await client.end();
  await migrate(
    Object.assign(new URL(postgres.url), { pathname: `/${TEMPLATE_DATABASE}` }).toString(),
  );
  project.provide("postgresUrl", postgres.url);
  return () => postgres.stop();
}
