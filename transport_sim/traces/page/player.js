// Plays the run: moves the cursor through time at a chosen speed.

const SPEEDS = [1 / 1000, 1 / 200, 1 / 50, 1 / 10, 1 / 4, 1, 4];
const STEP_SPEEDS = [1, 2, 5, 20, 100]; // steps of an exploration a second

/** Makes the player behind the play button and the choice of speed. */
export function makePlayer(scene, button, choice) {
  const { run } = scene;
  const speeds = run.steps ? STEP_SPEEDS.map((steps) => steps / 1000) : SPEEDS;
  for (const speed of speeds) {
    const text = run.steps ? `${Math.round(speed * 1000)} steps a second` : speed < 1 ? `${Math.round(1 / speed)} times slower` : speed === 1 ? "as fast as it was" : `${speed} times faster`;
    choice.add(new Option(text, String(speed), false, false));
  }
  choice.value = String(run.steps ? 2 / 1000 : 1 / 50);
  const player = { playing: false };
  let last = 0;

  const step = (now) => {
    if (!player.playing) return;
    const passed = Math.min(now - last, 100) * 1000; // a tab that was hidden does not jump
    last = now;
    const time = scene.cursor.time + passed * Number(choice.value);
    scene.goToTime(time);
    if (time >= run.lastTime) player.pause();
    else requestAnimationFrame(step);
  };
  const show = () => {
    button.textContent = player.playing ? "❚❚" : "▶";
    button.ariaPressed = String(player.playing);
    button.ariaLabel = player.playing ? "Pause" : "Play";
  };
  player.play = () => {
    if (scene.cursor.time >= run.lastTime) scene.goToTime(0);
    player.playing = true;
    last = performance.now();
    show();
    requestAnimationFrame(step);
  };
  player.pause = () => {
    player.playing = false;
    show();
    scene.ask("cursor");
  };
  player.toggle = () => (player.playing ? player.pause() : player.play());
  button.addEventListener("click", player.toggle);
  return player;
}
