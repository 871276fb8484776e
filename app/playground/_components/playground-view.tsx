"use client";
import { BarChart3 } from "lucide-react";
import Link from "next/link";
import { useCallback, useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Select } from "@/app/_ui/field";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import { Columns } from "./columns";
import { EpisodeNote } from "./episode-note";
import { useQueryHistory } from "./history";
import { HistoryMenu } from "./history-menu";
import {
  buildAddress,
  DEPTHS,
  MAX_COLUMNS,
  readPlaygroundParams,
  writePlaygroundParams,
} from "./playground-address";
import { QueryBar } from "./query-bar";
import { AddRetriever, CorpusSelect, WorkerSelect } from "./search-controls";

/** One query against up to four retrievers. The address holds the state: every change is searched at once. */
export function PlaygroundView() {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const { state, problem } = useMemo(() => readPlaygroundParams(t, params), [t, params]);
  // Counts searches, so that the same query can be searched again.
  const [searchCount, setSearchCount] = useState(0);
  const history = useQueryHistory();
  const change = useCallback(
    (next: Partial<PlaygroundState>) => setParams(writePlaygroundParams({ ...state, ...next })),
    [setParams, state],
  );

  const search = (query: string) => {
    const next = { ...state, query: query.trim() };
    change(next);
    setSearchCount((n) => n + 1);
    if (next.query !== "")
      history.add({
        query: next.query.slice(0, MAX_QUERY_LENGTH),
        href: buildAddress(next),
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
        <WorkerSelect state={state} onChange={(worker) => change({ worker })} />
        <AddRetriever
          disabled={state.retrievers.length >= MAX_COLUMNS}
          onAdd={(config) => change({ retrievers: [...state.retrievers, config] })}
        />
        <div className="ml-auto flex items-center gap-1">
          <HistoryMenu history={history} />
          <PermalinkButton state={state} />
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
      <Columns state={state} searchCount={searchCount} onChange={change} />
    </>
  );
}

function PermalinkButton({ state }: { state: PlaygroundState }) {
  const t = useText();
  const origin = typeof window === "undefined" ? "" : window.location.origin;
  return (
    <CopyButton
      size="sm"
      variant="ghost"
      text={`${origin}${buildAddress(state)}`}
      label={t("Copy link")}
    />
  );
}
