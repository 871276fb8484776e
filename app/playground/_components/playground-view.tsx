"use client";
import { BarChart3 } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { defer } from "@/app/_ui/deferred";
import { Select } from "@/app/_ui/field";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import { Columns } from "./columns";
import { CorpusSelect } from "./corpus-select";
import { EpisodeNote } from "./episode-note";
import { useQueryHistory } from "./history";
import { HistoryMenu } from "./history-menu";
import {
  buildAddress,
  DEPTHS,
  describeProblems,
  MAX_COLUMNS,
  readSearchParams,
  writeSearchParams,
} from "./playground-address";
import { QueryBar } from "./query-bar";
import { AddRetriever, WorkerSelect } from "./search-controls";

/** What reads the settings of retrievers: fetched once the form answers. */
const retrieverParams = defer(() => import("./retriever-params"));

/** One query against up to four retrievers. The address holds the state: every change is searched at once. */
export function PlaygroundView() {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const { state, problems, isCut } = useMemo(() => readSearchParams(t, params), [t, params]);
  const rules = retrieverParams.useModule(useDeferredValue(true, false));
  const given = params.get("r");
  const read = useMemo(() => rules?.readRetrievers(t, given) ?? null, [rules, t, given]);
  const retrievers = read?.retrievers ?? null;
  const problem = read && describeProblems(t, [...problems, ...read.problems], isCut);
  // Counts searches, so that the same query can be searched again.
  const [searchCount, setSearchCount] = useState(0);
  const history = useQueryHistory();
  const change = useCallback(
    ({ retrievers: chosen, ...next }: Partial<PlaygroundState>) =>
      setParams({
        ...writeSearchParams({ ...state, ...next }),
        ...(rules && chosen ? { r: rules.writeRetrievers(chosen) } : {}),
      }),
    [setParams, state, rules],
  );
  // What cannot be read is in no address that is given away.
  const written = rules && retrievers ? rules.writeRetrievers(retrievers) : given;

  const search = (query: string) => {
    const next = { ...state, query: query.trim() };
    change(next);
    setSearchCount((n) => n + 1);
    if (next.query !== "")
      history.add({
        query: next.query.slice(0, MAX_QUERY_LENGTH),
        href: buildAddress(next, written),
        at: Date.now(),
      });
  };

  return (
    <>
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="text-lg font-semibold">{t("Playground")}</h1>
        <Button variant="ghost" size="sm" asChild>
          <Link href="/retrieval">
            <BarChart3 /> {t("Measure retrievers")}
          </Link>
        </Button>
      </header>
      <QueryBar key={state.query} query={state.query} onSearch={search} />
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <CorpusSelect corpus={state.corpus} onChange={(corpus) => change({ corpus })} />
        <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
          {t("Documents")}
          <Select
            aria-label={t("Documents (k)")}
            className="w-auto"
            value={state.k}
            onChange={(e) => change({ k: Number(e.target.value) })}
            options={[...new Set([...DEPTHS, state.k])].sort((a, b) => a - b)}
          />
        </label>
        <WorkerSelect
          state={state}
          isLocal={rules !== null && retrievers !== null && retrievers.some(rules.searchesLocally)}
          onChange={(worker) => change({ worker })}
        />
        <AddRetriever
          isFull={retrievers !== null && retrievers.length >= MAX_COLUMNS}
          presets={rules?.RETRIEVER_PRESETS ?? null}
          onAdd={(config) => change({ retrievers: [...(retrievers ?? []), config] })}
        />
        <div className="ml-auto flex items-center gap-1">
          <HistoryMenu history={history} />
          <PermalinkButton address={buildAddress(state, written)} />
        </div>
      </div>
      {problem ? (
        <p role="alert" className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          {problem}
        </p>
      ) : null}
      {state.episode ? (
        <EpisodeNote
          id={state.episode}
          corpus={state.corpus}
          onClose={() => change({ episode: null })}
        />
      ) : null}
      <Columns search={state} retrievers={retrievers} searchCount={searchCount} onChange={change} />
    </>
  );
}

function PermalinkButton({ address }: { address: string }) {
  const t = useText();
  const origin = typeof window === "undefined" ? "" : window.location.origin;
  return (
    <CopyButton size="sm" variant="ghost" text={`${origin}${address}`} label={t("Copy link")} />
  );
}
