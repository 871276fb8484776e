"use client";
import { Search } from "lucide-react";
import { useRef, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { Input } from "@/app/_ui/field";

type QueryBarProps = { query: string; onSearch: (query: string) => void };

/** Where the query is typed; the slash key leads to it. */
export function QueryBar({ query, onSearch }: QueryBarProps) {
  const t = useText();
  const [text, setText] = useState(query);
  const input = useRef<HTMLInputElement>(null);
  useShortcuts({
    "/": {
      label: t("Type a query"),
      run: () => {
        input.current?.focus();
        input.current?.select();
      },
    },
  });
  return (
    <form
      role="search"
      className="mt-4 flex gap-2"
      onSubmit={(e) => {
        e.preventDefault();
        if (text.trim() !== "") onSearch(text);
      }}
    >
      <div className="relative min-w-0 flex-1">
        <Search
          className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted-foreground"
          aria-hidden
        />
        <Input
          ref={input}
          aria-label={t("Query")}
          aria-keyshortcuts="/"
          placeholder={t("A query, as a searcher would write it")}
          autoComplete="off"
          className="h-9 pr-9 pl-9"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        <kbd
          aria-hidden
          className="pointer-events-none absolute top-2 right-2.5 hidden rounded border px-1.5 font-mono text-2xs text-muted-foreground sm:block"
        >
          /
        </kbd>
      </div>
      <Button type="submit" variant="primary" className="h-9" disabled={text.trim() === ""}>
        <Search /> {t("Search")}
      </Button>
    </form>
  );
}
