import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { CorpusReport } from "@/contracts/worker-protocol/corpus-report";
import { DEFAULT_PROJECT } from "@/server/platform/db/database";
import { SIZES, type TrainedRuns } from "./sizes";

/** Different words; the smaller its number, the more often one is drawn. */
const WORDS = 4_000;
const SYLLABLES = "'{ba,ce,di,fo,gu,ha,ki,lo,mu,ne,pa,qui,ro,su,ta,ve,wo,xe,ya,zu}'::text[]";
/** Rankings of eight documents that retrieve steps draw from. */
const RANKINGS = 5_000;

/** Words drawn for a row; `row` is any column of it, so that each row draws its own. */
const drawWords = (count: number, row: string): string =>
  `(SELECT string_agg((${SYLLABLES})[1 + w % 20] || (${SYLLABLES})[1 + w / 20 % 20] || (${SYLLABLES})[1 + w / 400], ' ')
    FROM (SELECT floor(${WORDS} * random() ^ 3)::int AS w FROM generate_series(1, ${count} + 0 * ${row})) drawn)`;
const drawRanking = (row: string): string => `1 + floor(${RANKINGS} * random() + 0 * ${row})::int`;

/**
 * Writes the episodes of training runs: three retrievals of eight documents each in an episode, so about four million
 * references to documents, with queries, thoughts, tokens, answers and scores.
 */
export async function fillEpisodes(client: pg.Client, { big }: TrainedRuns): Promise<void> {
  const setId = randomUUID();
  const corpusId = randomUUID();
  await client.query(
    `INSERT INTO documents (hash, title, text)
     SELECT encode(sha256(('document ' || i)::bytea), 'hex'), 'Document ' || i, ${drawWords(80, "i")} FROM generate_series(0, $1::int - 1) i`,
    [SIZES.documents],
  );
  await client.query(
    "INSERT INTO corpora (id, project_id, name, content_hash, documents, created_by) VALUES ($1, $2, 'atlas', 'bench', $3, 'bench')",
    [corpusId, DEFAULT_PROJECT, SIZES.documents],
  );
  const report: CorpusReport = {
    name: "atlas",
    hash: "bench",
    documents: SIZES.documents,
    bytes: SIZES.documents * 500,
    samples: [],
    manifest: null,
    indexes: [],
  };
  await client.query(
    "INSERT INTO worker_corpora (worker_id, name, report, updated_at) SELECT id, 'atlas', $1, now() FROM workers",
    [JSON.stringify(report)],
  );
  await client.query(
    "INSERT INTO corpus_documents SELECT $1, 'd' || i, encode(sha256(('document ' || i)::bytea), 'hex') FROM generate_series(0, $2::int - 1) i",
    [corpusId, SIZES.documents],
  );
  await client.query(
    `CREATE TEMP TABLE rankings AS SELECT r, array_agg('d' || d) AS ids, array_agg(encode(sha256(('document ' || d)::bytea), 'hex')) AS hashes, array_agg(0.9 - n * 0.05) AS scores
     FROM generate_series(1, ${RANKINGS}) r, generate_series(1, 8) n, LATERAL (SELECT (r * 37 + n * 101 * (1 + r % 13)) % $1::int AS d) drawn GROUP BY r`,
    [SIZES.documents],
  );
  await client.query("ALTER TABLE rankings ADD PRIMARY KEY (r)");
  await client.query(
    "INSERT INTO question_sets (id, project_id, name, content_hash, questions, with_gold, created_by) VALUES ($1, $2, 'atlas/train', 'bench', $3, $3, 'bench')",
    [setId, DEFAULT_PROJECT, SIZES.questions],
  );
  await client.query(
    `INSERT INTO questions (set_id, id, ordinal, question, answers, gold_ids, type, gold_queries)
     SELECT $1, 'q' || i, i, 'Which ' || ${drawWords(9, "i")} || '?', ARRAY['answer ' || i], ARRAY['d' || i, 'd' || (i + 1)], (ARRAY['one-hop','two-hop','comparison'])[1 + i % 3], '{}' FROM generate_series(0, $2::int - 1) i`,
    [setId, SIZES.questions],
  );
  await client.query(
    `INSERT INTO answers (project_id, key, generator, prompt_style, text, seconds) SELECT $1, 'rag ' || i, 'smollm2-135m-instruct', 'few-shot', 'answer ' || i, 0.1 FROM generate_series(0, $2::int - 1) i`,
    [DEFAULT_PROJECT, SIZES.questions],
  );
  for (const [run, episodes] of SIZES.episodes.entries()) {
    const runId = big[run]!;
    await client.query("INSERT INTO run_question_sets VALUES ($1, 'atlas/train', $2)", [
      runId,
      setId,
    ]);
    await fillRun(client, runId, setId, episodes);
  }
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regproc('index_episodes') IS NOT NULL AS there",
  );
  if (rows[0]?.there) await client.query("SELECT index_episodes(NULL)");
}

/** Episodes of one run, 32 a step: four of each of eight questions. */
async function fillRun(
  client: pg.Client,
  runId: string,
  setId: string,
  episodes: number,
): Promise<void> {
  await client.query("DROP TABLE IF EXISTS made");
  await client.query(
    `CREATE TEMP TABLE made AS SELECT i, gen_random_uuid() AS id, 'q' || (i / 4) % ${SIZES.questions} AS question, i % 4 AS sample, 1 + i / 32 AS step, nextval(pg_get_serial_sequence('answers', 'id')) AS answer,
       nextval(pg_get_serial_sequence('scores', 'id')) AS score, (random() < 0.3 + 0.4 * i / $1::int)::int AS value, (random() < 0.4)::int AS rag, ${drawRanking("i")} AS a, ${drawRanking("i")} AS b, ${drawRanking("i")} AS c
     FROM generate_series(0, $1::int - 1) i`,
    [episodes],
  );
  await client.query(
    `INSERT INTO answers (id, project_id, key, generator, prompt_style, text, seconds) OVERRIDING SYSTEM VALUE
     SELECT answer, $1, $2::text || ' ' || i, 'smollm2-135m-instruct', 'few-shot', ${drawWords(4, "i")}, 0.1 FROM made`,
    [DEFAULT_PROJECT, runId],
  );
  await client.query(
    "INSERT INTO scores (id, answer_id, set_id, question_id, scorer, value) OVERRIDING SYSTEM VALUE SELECT score, answer, $1, question, 'span@1', value FROM made",
    [setId],
  );
  await client.query(
    `INSERT INTO episodes (id, project_id, run_id, attempt, corpus, set_id, question_id, phase, step, sample_index, key, method, protocol, context_ids, context_hashes, context_scores, answer_id, score_id,
       baseline_ids, baseline_hashes, baseline_scores, reward, reward_detail, advantage, attribution, format_errors, searches, usage)
     SELECT m.id, $1, $2::uuid, 1, 'atlas', $3, m.question, 'train', m.step, m.sample, $2::text || ' ' || i, 's3', 'paper', x.ids[1:3], x.hashes[1:3], x.scores[1:3], m.answer, m.score,
       y.ids[1:3], y.hashes[1:3], y.scores[1:3], m.value - m.rag, jsonb_build_object('name', 'gbr', 'value', m.value - m.rag, 'terms', jsonb_build_array(jsonb_build_object('term', 'gbr', 'label', 'accuracy with the searcher''s documents', 'value', m.value, 'weight', 1))),
       round((random() * 4 - 2)::numeric, 3), (ARRAY['correct','never-retrieved','not-selected','generator-failed'])[CASE WHEN m.value = 1 THEN 1 ELSE 2 + i % 3 END],
       CASE WHEN i % 11 = 0 THEN ARRAY['no-selection'] WHEN i % 29 = 0 THEN ARRAY['truncated'] ELSE '{}' END, 2, jsonb_build_object('calls', 3, 'costUsd', 0, 'promptTokens', 300 + i % 400, 'completionTokens', 60 + i % 90)
     FROM made m JOIN rankings x ON x.r = m.a JOIN rankings y ON y.r = m.b ORDER BY i`,
    [DEFAULT_PROJECT, runId, setId],
  );
  await client.query(
    `INSERT INTO steps (episode_id, index, kind, turn, seconds, text, document_ids, document_hashes, document_scores)
     SELECT m.id, 3 * t, 'retrieve', t, 0.01, ${drawWords(7, "i")}, r.ids, r.hashes, r.scores
     FROM made m, generate_series(0, 2) t JOIN rankings r ON true WHERE r.r = CASE t WHEN 0 THEN m.a WHEN 1 THEN m.b ELSE m.c END`,
  );
  await client.query(
    `INSERT INTO steps (episode_id, index, kind, turn, seconds, text, prompt, token_ids, token_mask, token_logprobs, prompt_tokens, completion_tokens)
     SELECT m.id, 3 * t + 1, 'generate', t, 0.4, '<important_info>[1, 2]</important_info> ' || ${drawWords(12, "i")}, CASE WHEN t = 0 THEN 'Find the documents that answer the question.' END,
       tokens.ids, tokens.mask, tokens.logprobs, 120, 40
     FROM made m, generate_series(0, 2) t, (SELECT array_agg(100 + n * 37) AS ids, array_agg((n > 20)::int::smallint) AS mask, array_agg((-0.01 * n)::real) AS logprobs FROM generate_series(1, 60) n) tokens`,
  );
  await client.query(
    `INSERT INTO steps (episode_id, index, kind, turn, seconds, selected, implicit)
     SELECT m.id, 3 * t + 2, 'select', t, 0, r.ids[1:2], false FROM made m, generate_series(0, 2) t JOIN rankings r ON true WHERE r.r = CASE t WHEN 0 THEN m.a WHEN 1 THEN m.b ELSE m.c END`,
  );
  await client.query(
    "INSERT INTO steps (episode_id, index, kind, turn, seconds, reason) SELECT id, 9, 'stop', 2, 0, 'model' FROM made",
  );
}
