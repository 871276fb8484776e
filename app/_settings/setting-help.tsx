"use client";
import { HelpPopover } from "@/app/_ui/help-popover";
import { defer } from "@/app/_ui/deferred";

/** Knows every setting, so it is loaded when a help is opened first. */
const meaningParts = defer(() => import("./setting-meaning"));

function Meaning({ path }: { path: string }) {
  const parts = meaningParts.useModule(true);
  return parts ? <parts.SettingMeaning path={path} /> : null;
}

/** What the setting at a path means. */
export function SettingHelp({ path, className }: { path: string; className?: string }) {
  return (
    <HelpPopover
      name={path}
      title={<span className="font-mono">{path}</span>}
      className={className}
    >
      <Meaning path={path} />
    </HelpPopover>
  );
}
