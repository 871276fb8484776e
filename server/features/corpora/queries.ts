import { z } from "zod";
import { uploadRowSchema } from "@/contracts/api/corpora";
import { documentTextSchema, type DocumentText } from "@/contracts/records/episode";
import { corpusReportSchema, type CorpusReport } from "@/contracts/worker-protocol/corpus-report";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { queryRow, queryRows, sql } from "@/server/platform/db/query";

/** The SQL of corpora, documents and uploads. */

const heldCorpusSchema = z.object({
  name: z.string(),
  workerId: z.string(),
  workerName: z.string(),
  online: z.boolean(),
  updatedAt: z.date(),
  report: corpusReportSchema,
});

/** What a worker last reported of a corpus that it holds. */
export type HeldCorpus = z.infer<typeof heldCorpusSchema>;

/** Corpora that workers hold, a row for each worker and corpus. @param name null: of every name */
export const selectHeldCorpora = (db: Queries, name: string | null): Promise<HeldCorpus[]> =>
  queryRows(db, heldCorpusSchema)`
    SELECT c.name, c.worker_id AS "workerId", w.name AS "workerName", w.state = 'online' AS online, c.updated_at AS "updatedAt", c.report
    FROM worker_corpora c JOIN workers w ON w.id = c.worker_id
    WHERE w.project_id = ${DEFAULT_PROJECT}::uuid AND (${name}::text IS NULL OR c.name = ${name})`;

/** Stores the reports of one worker, and the names in its capabilities, by which runs are matched. */
export async function upsertWorkerReports(
  db: Queries,
  workerId: string,
  reports: readonly CorpusReport[],
): Promise<void> {
  const rows = reports.map((report) => ({ name: report.name, report }));
  await db.$executeRaw`
    INSERT INTO worker_corpora (worker_id, name, report, updated_at)
    SELECT ${workerId}::uuid, r.name, r.report, clock_timestamp() FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS r(name text, report jsonb)
    ON CONFLICT (worker_id, name) DO UPDATE SET report = excluded.report, updated_at = excluded.updated_at`;
  const names = reports.map(({ name }) => name);
  await db.$executeRaw`
    UPDATE workers SET capabilities = jsonb_set(capabilities, '{corpora}', ${toJson(names)}::jsonb) WHERE id = ${workerId}::uuid`;
}

/** Names of the first three runs that use a corpus, or are about to. */
export async function selectRunsUsingCorpus(db: Queries, corpus: string): Promise<string[]> {
  const runs = await queryRows(db, z.object({ name: z.string() }))`
    SELECT name FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND NOT (state = ANY(${[...TERMINAL_STATES]}::text[]))
      AND (${corpus} = ANY(needs_corpora) OR (kind = 'index' AND config ->> 'corpus' = ${corpus})) ORDER BY created_at LIMIT 3`;
  return runs.map(({ name }) => name);
}

/** Version of a corpus that a run would search now, by its content; null where none is known. */
export async function selectCurrentCorpusVersion(
  db: Queries,
  name: string,
): Promise<string | null> {
  const row = await queryRow(db, z.object({ version: z.string().nullable() }))`
    SELECT coalesce(
      (SELECT content_hash FROM corpora WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1),
      (SELECT report -> 'manifest' ->> 'hash' FROM worker_corpora WHERE name = ${name} ORDER BY updated_at DESC LIMIT 1)) AS version`;
  return row?.version ?? null;
}

/** Adds documents to a stored corpus; their texts are stored already. */
export async function insertCorpusDocuments(
  db: Queries,
  corpusId: string,
  documents: readonly { id: string; hash: string }[],
): Promise<void> {
  const rows = documents.map(({ id, hash }) => ({ id, hash }));
  await db.$executeRaw`
    INSERT INTO corpus_documents (corpus_id, document_id, hash)
    SELECT ${corpusId}::uuid, d.id, d.hash FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS d(id text, hash text)`;
}

/** Stores texts that are not stored yet. Sorted, so that two reports at once cannot deadlock. */
export async function insertDocuments(
  db: Queries,
  documents: readonly DocumentText[],
): Promise<void> {
  if (documents.length === 0) return;
  const rows = [
    ...new Map(
      documents.map((d) => [d.hash, { hash: d.hash, title: d.title, text: d.text }]),
    ).values(),
  ].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  await db.$executeRaw`
    INSERT INTO documents (hash, title, text)
    SELECT hash, title, text FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS d(hash text, title text, text text) ORDER BY hash
    ON CONFLICT (hash) DO NOTHING`;
}

const textRowSchema = documentTextSchema.omit({ id: true });

/** Stored texts of documents, each under the id that it is given by; one that is not stored is left out. */
export async function selectDocumentTexts(
  db: Queries,
  documents: readonly { id: string; hash: string }[],
): Promise<DocumentText[]> {
  const idByHash = new Map(documents.map(({ id, hash }) => [hash, id]));
  const rows = await queryRows(db, textRowSchema)`
    SELECT hash, title, text FROM documents WHERE hash = ANY(${[...idByHash.keys()]}::text[])`;
  return rows.map((row) => ({ ...row, id: idByHash.get(row.hash) ?? "" }));
}

/** Documents of the newest stored version of a corpus, by their ids in it. */
export const selectCorpusDocuments = (
  db: Queries,
  corpus: string,
  ids: readonly string[],
): Promise<DocumentText[]> =>
  queryRows(db, documentTextSchema)`
    SELECT cd.document_id AS id, d.hash, d.title, d.text FROM corpus_documents cd JOIN documents d ON d.hash = cd.hash
    WHERE cd.corpus_id = (SELECT id FROM corpora WHERE name = ${corpus} ORDER BY created_at DESC LIMIT 1) AND cd.document_id = ANY(${[...ids]}::text[])`;

/** Ids of the documents of a stored corpus by their title; a title may stand over several documents. */
export const selectIdsByTitle = (
  db: Queries,
  corpusId: string,
  titles: readonly string[],
): Promise<{ title: string; ids: string[] }[]> =>
  queryRows(db, z.object({ title: z.string(), ids: z.array(z.string()) }))`
    SELECT d.title, array_agg(cd.document_id) AS ids FROM corpus_documents cd JOIN documents d ON d.hash = cd.hash
    WHERE cd.corpus_id = ${corpusId}::uuid AND d.title = ANY(${[...titles]}::text[]) GROUP BY d.title`;

/** Ids of documents in a corpus that the server stores, by content hash; of several versions, in the newest. */
export async function selectIdsByHash(
  db: Queries,
  corpus: string,
  hashes: readonly string[],
): Promise<Map<string, string>> {
  const rows = await queryRows(db, z.object({ hash: z.string(), id: z.string() }))`
    SELECT DISTINCT ON (cd.hash) cd.hash, cd.document_id AS id FROM corpus_documents cd JOIN corpora c ON c.id = cd.corpus_id
    WHERE c.name = ${corpus} AND cd.hash = ANY(${[...hashes]}::text[]) ORDER BY cd.hash, c.created_at DESC`;
  return new Map(rows.map(({ hash, id }) => [hash, id]));
}

/** A file that a person brought to be imported. */
export type Upload = z.infer<typeof uploadRowSchema>;

/** An upload by its content or by its id, marked as used now; null where there is none. */
export const touchUpload = (
  db: Queries,
  by: { sha256: string } | { id: string },
): Promise<Upload | null> =>
  queryRow(db, uploadRowSchema)`
    UPDATE uploads SET used_at = now()
    WHERE ${"id" in by ? sql`id = ${by.id}::uuid` : sql`project_id = ${DEFAULT_PROJECT}::uuid AND sha256 = ${by.sha256}`}
    RETURNING id, file_name AS "fileName", bytes::float8 AS bytes, sha256`;

/**
 * Deletes uploads that nobody used for a while, sooner where an import succeeded; never one that a run under way may
 * still read. @returns their ids
 */
export async function deleteUnusedUploads(
  db: Queries,
  { importedUploadMs, unusedUploadMs }: { importedUploadMs: number; unusedUploadMs: number },
): Promise<string[]> {
  const rows = await queryRows(db, z.object({ id: z.string() }))`
    DELETE FROM uploads u
    WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.kind = 'index' AND NOT (r.state = ANY(${[...TERMINAL_STATES]}::text[])) AND r.config #>> '{source,upload}' = u.id::text)
      AND (u.used_at < now() - ${unusedUploadMs} * interval '1 millisecond'
        OR u.used_at < now() - ${importedUploadMs} * interval '1 millisecond' AND EXISTS (SELECT 1 FROM runs r WHERE r.kind = 'index' AND r.state = 'succeeded' AND r.config #>> '{source,upload}' = u.id::text))
    RETURNING id`;
  return rows.map(({ id }) => id);
}
