// A sound card that is none: Firefox plays and analyses sound only where there
// is a device to play it on.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.mjs';

/** Starts a PulseAudio server with a null sink; gives the environment to use it, and how to end it. */
export async function startSound() {
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-sound-'));
  const socket = join(folder, 'native');
  const child = spawn(
    'pulseaudio',
    ['-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no', '--load=module-null-sink', `--load=module-native-protocol-unix auth-anonymous=1 socket=${socket}`],
    { stdio: 'ignore', env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, PULSE_RUNTIME_PATH: folder } },
  );
  await until('the sound server is there', () => existsSync(socket));
  const close = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { env: { PULSE_SERVER: `unix:${socket}`, PULSE_COOKIE: join(folder, 'cookie') }, close };
}
