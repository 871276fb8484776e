"use client";
import { Funnel } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import type { FilterProps } from "./runs-filter";

/** Loaded when it is opened first: it knows every setting. */
const FilterDialog = dynamic(() => import("./filter-dialog").then((m) => m.FilterDialog), {
  ssr: false,
});

/** Opens what adds conditions. */
export function FilterButton({ filter, setParams }: FilterProps) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Funnel /> {t("Filter")}
      </Button>
      {open ? (
        <FilterDialog filter={filter} setParams={setParams} onClose={() => setOpen(false)} />
      ) : null}
    </>
  );
}
