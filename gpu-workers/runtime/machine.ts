import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import os from "node:os";
import { promisify } from "node:util";
import type { Hardware, Usage } from "@/contracts/worker-protocol/attach";

const run = promisify(execFile);
const MIB = 2 ** 20;

/** What a GPU says of itself; null where it does not, as cards that are divided (MIG) and older ones may. */
export interface Gpu {
  name: string;
  memoryMb: number;
  usedMb: number | null;
  /** 0..1 */
  utilisation: number | null;
  /** Power that it draws, in watts. */
  powerW: number | null;
}

const GPU_QUERY = "--query-gpu=name,memory.total,memory.used,utilization.gpu,power.draw";

/** Reads the answer of nvidia-smi to GPU_QUERY, as CSV without a head and without units. */
export function parseNvidiaSmi(text: string): Gpu[] {
  return text
    .split("\n")
    .map((line) => line.split(",").map((field) => field.trim()))
    .filter((fields) => fields.length >= 4)
    .map(([name, total, used, busy, power]) => {
      const percent = parseNumber(busy);
      return {
        name: name ?? "",
        memoryMb: parseNumber(total) ?? 0,
        usedMb: parseNumber(used),
        utilisation: percent === null ? null : Math.min(1, percent / 100),
        powerW: parseNumber(power),
      };
    });
}

/** Some fields are "[N/A]" on some cards. */
function parseNumber(field: string | undefined): number | null {
  const value = Number(field);
  return field !== "" && Number.isFinite(value) ? value : null;
}

/** Bytes that this process may use at most: the machine's memory, or less where a container limits it. */
export function getMemoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < os.totalmem() ? constrained : os.totalmem();
}

/** Measures the machine; holds the last CPU counters, so that use is over the time since the last call. */
export class Machine {
  private nvidia = true;
  private counters = readCpuCounters();

  async readGpus(): Promise<Gpu[]> {
    if (!this.nvidia) return [];
    try {
      const { stdout } = await run("nvidia-smi", [GPU_QUERY, "--format=csv,noheader,nounits"], {
        timeout: 5_000,
      });
      return parseNvidiaSmi(stdout);
    } catch (error) {
      // Without the tool there is no NVIDIA GPU; a tool that is only slow is asked again next time.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.nvidia = false;
      return [];
    }
  }

  async readHardware(): Promise<Hardware> {
    return {
      hostname: os.hostname(),
      platform: `${os.platform()} ${os.arch()}`,
      cpuModel: os.cpus()[0]?.model ?? "unknown",
      cores: os.availableParallelism(),
      memoryMb: Math.round(getMemoryLimit() / MIB),
      gpus: (await this.readGpus()).map(({ name, memoryMb }) => ({ name, memoryMb })),
    };
  }

  /** Share of the processors' time that was used since the last call, 0..1. */
  measureCpu(): number {
    const before = this.counters;
    this.counters = readCpuCounters();
    const total = this.counters.total - before.total;
    return total > 0 ? Math.min(1, Math.max(0, 1 - (this.counters.idle - before.idle) / total)) : 0;
  }

  /** Memory of the machine that is in use, in MiB. */
  async readUsedMemoryMb(): Promise<number> {
    return Math.max(0, Math.round((os.totalmem() - (await readAvailableMemory())) / MIB));
  }

  async measureUsage(): Promise<Usage> {
    return {
      cpu: this.measureCpu(),
      memoryMb: await this.readUsedMemoryMb(),
      gpus: (await this.readGpus()).map((gpu) => ({
        utilisation: gpu.utilisation ?? 0,
        memoryMb: gpu.usedMb ?? 0,
      })),
    };
  }
}

function readCpuCounters(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, total };
}

/** Linux counts its page cache as used; what can be had is MemAvailable. */
async function readAvailableMemory(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(text);
  return match ? Number(match[1]) * 1024 : os.freemem();
}

/** Resident memory of another process in MiB, or null where it is gone or nobody can say. */
export async function readResidentMb(pid: number): Promise<number | null> {
  if (os.platform() === "linux") {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(
      await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""),
    );
    return match ? Math.round(Number(match[1]) / 1024) : null;
  }
  const { stdout } = await run("ps", ["-o", "rss=", "-p", String(pid)], { timeout: 5_000 }).catch(
    () => ({ stdout: "" }),
  );
  const kibibytes = parseNumber(stdout.trim());
  return kibibytes === null ? null : Math.round(kibibytes / 1024);
}

/** Resident memory of a process group in MiB, where /proc tells it; null elsewhere. */
export async function readGroupResidentMb(group: number): Promise<number | null> {
  const processes = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  let sum: number | null = null;
  for (const id of processes) {
    // After the name in parentheses: state, parent, group.
    const of = /^\d+ \(.*\) \S \d+ (\d+)/s.exec(
      await readFile(`/proc/${id}/stat`, "utf8").catch(() => ""),
    )?.[1];
    if (Number(of) === group) sum = (sum ?? 0) + ((await readResidentMb(Number(id))) ?? 0);
  }
  return sum;
}
