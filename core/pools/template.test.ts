import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { poolKindSchema } from "@/contracts/api/pools";
import {
  DEFAULT_TEMPLATES,
  findTemplateProblems,
  hideTokens,
  renderTemplate,
  TEMPLATE_NAMES,
  type TemplateValues,
} from "./template";

const VALUES: TemplateValues = {
  job: "s3-1",
  worker: "lab-1",
  pool: "lab",
  server: "http://[::1]:3000/",
  gpus: 2,
  engineSlots: 1,
  lightSlots: 4,
};
const LEAST = "#!/bin/sh\nexec worker --server {{server}} --name {{worker}}\n";

describe("templates of pools", () => {
  it.each(poolKindSchema.options)(
    "the one that a %s pool begins with is filled in whole",
    (kind) => {
      const script = renderTemplate(kind, DEFAULT_TEMPLATES[kind], VALUES);
      expect(script).not.toMatch(/\{\{|\}\}/);
      expect(script).toMatch(/--server[= ]http:\/\/\[::1\]:3000\//);
      expect(script).toMatch(/--name[= ]lab-1\b/);
    },
  );

  it("says of each mistake what to do", () => {
    const find = (template: string) => findTemplateProblems("slurm", template).join("\n");
    expect(find(LEAST)).toBe("");
    expect(find(`${LEAST}{{ gpu }}`)).toContain(
      "{{ gpu }}: there is no such variable. Known are {{job}}, {{worker}}",
    );
    expect(find(`${LEAST}{{token}}`)).toContain("S3_WORKER_TOKEN");
    expect(find(`${LEAST}{{worker}`)).toContain("stand in pairs");
    expect(find(`${LEAST}s3w_${"a".repeat(43)}`)).toContain("revoke it");
    expect(find("#!/bin/sh\nexec worker --server {{server}}")).toContain("--name {{worker}}");
    expect(find("#!/bin/sh\nexec worker --name {{worker}}")).toContain("--server {{server}}");
    expect(find(LEAST.slice(1))).toContain("#!/bin/bash");
    expect(findTemplateProblems("ssh", LEAST.slice(10))).toEqual([]);
  });

  it("takes no value that a shell would read as more than itself", () => {
    const render = (server: string) => () => renderTemplate("slurm", LEAST, { ...VALUES, server });
    for (const server of ["http://a b", "http://a;reboot", "$(id)", "`id`", "'", '"', "a\nb", "a#"])
      expect(render(server), server).toThrow(/without blanks and quotes/);
  });

  it("hides tokens in what a job wrote", () => {
    const token = `s3w_${"a-Z_".repeat(10)}abc`;
    expect(hideTokens(`S3_WORKER_TOKEN=${token}\n'${token}'`)).toBe(
      "S3_WORKER_TOKEN=s3w_(hidden)\n's3w_(hidden)'",
    );
  });

  it("replaces the known names and nothing else", () => {
    const text = fc.string().filter((one) => !/[{}]|s3w_/.test(one));
    fc.assert(
      fc.property(fc.constantFrom(...TEMPLATE_NAMES), text, text, (name, before, after) => {
        const rendered = renderTemplate("slurm", `${LEAST}${before}{{ ${name} }}${after}`, VALUES);
        expect(rendered.endsWith(`${before}${VALUES[name]}${after}`)).toBe(true);
      }),
    );
  });
});
