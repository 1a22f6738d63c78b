// The page: what is clicked and typed, and the requests that follow.

import { LabelMap } from './canvas.js';

const PAUSE = 120; // milliseconds without a change before a picture is asked for
const $ = (id) => document.getElementById(id);
const facts = await (await fetch('facts')).json();
const colours = facts.classes.map(({ colour }) => [...colour, 255]);
const state = { map: LabelMap.unpack(facts.start), id: 0, tool: 'brush', reference: null, last: null, picture: null };

// Requests

async function ask(path, body) {
  const isFile = body instanceof Blob;
  const answer = await fetch(path, {
    method: 'POST', body: isFile ? body : JSON.stringify(body),
    headers: { 'Content-Type': isFile ? 'application/octet-stream' : 'application/json' },
  }).catch(() => { throw new Error('The program that makes the pictures does not answer. Is it still running?'); });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.headers.get('Content-Type') === 'image/png' ? answer.blob() : answer.json();
}

function say(text, isWrong = false) {
  $('status').textContent = text;
  $('status').classList.toggle('wrong', isWrong);
}

const direction = () => facts.directions[$('direction').selectedIndex];

let timer, isAsking = false, isOld = true;

// Ask for the picture of what is there now; while one is made, changes wait, and only the last of them is asked for.
function refresh() {
  isOld = true;
  document.body.dataset.settled = false; // for tests: whether the picture is that of the label map
  clearTimeout(timer);
  timer = setTimeout(makePicture, PAUSE);
}

async function makePicture() {
  if (isAsking || !isOld) return;
  isAsking = true;
  isOld = false;
  $('picture').classList.add('busy');
  const start = performance.now();
  try {
    const { seed, reference } = direction();
    const blob = await ask('picture', {
      ...state.map.pack(), direction: direction().name,
      reference: reference ? state.reference : null, seed: seed && !state.reference ? wanted() : null,
    });
    const bitmap = await createImageBitmap(blob);
    Object.assign($('picture'), { width: bitmap.width, height: bitmap.height });
    $('picture').getContext('2d').drawImage(bitmap, 0, 0);
    state.picture = blob;
    say(`Made in ${((performance.now() - start) / 1000).toFixed(2)} s`);
  } catch (error) {
    say(error.message, true);
  }
  isAsking = false;
  $('picture').classList.remove('busy');
  document.body.dataset.settled = !isOld;
  if (isOld) makePicture();
}

// Seeds are whole numbers; what is no such number is sent as it is, and refused with a sentence.
function wanted() {
  const text = $('seed').value.trim();
  return /^\d+$/.test(text) ? Number(text) : text;
}

function save(blob, name) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What a chosen file is good for; a wrong one is said and changes nothing.
function onFile(input, path, use) {
  input.addEventListener('change', async () => {
    const [file] = input.files;
    input.value = '';
    if (!file) return;
    try {
      use(await ask(path, file));
    } catch (error) {
      say(`${file.name}: ${error.message}`, true);
    }
  });
}

// Painting

function show() {
  state.map.draw($('map'), colours);
  $('undo').disabled = !state.map.before.length;
  $('redo').disabled = !state.map.after.length;
}

function changed() {
  show();
  refresh();
}

function choose(id) {
  state.id = id;
  for (const button of $('classes').children) button.setAttribute('aria-checked', button.dataset.id === String(id));
}

function use(tool) {
  state.tool = tool;
  for (const button of document.querySelectorAll('[data-tool]')) {
    button.setAttribute('aria-pressed', button.dataset.tool === tool);
  }
}

function resize(size) {
  $('size').value = size;
  $('size-value').textContent = $('size').value;
}

// The scale of the map on the screen, and the pixel under the pointer, which may lie outside.
function place(event) {
  const area = $('map').getBoundingClientRect();
  const scale = Math.min(area.width / state.map.width, area.height / state.map.height);
  const [x, y] = [(event.clientX - area.left) / scale, (event.clientY - area.top) / scale].map(Math.floor);
  return { x, y, scale, isInside: x >= 0 && y >= 0 && x < state.map.width && y < state.map.height };
}

function outline(element, x, y, width, height, scale) {
  element.hidden = false;
  Object.assign(element.style, { left: `${x * scale}px`, top: `${y * scale}px`, width: `${width * scale}px`,
    height: `${height * scale}px` });
}

function hover({ x, y, scale, isInside }) {
  $('under').textContent = isInside ? facts.classes[state.map.at(x, y)].name : '\u00a0';
  const size = Number($('size').value);
  const low = Math.floor((size - 1) / 2);
  $('cursor').hidden = true;
  if (isInside && state.tool === 'brush') outline($('cursor'), x - low, y - low, size, size, scale);
  $('cursor').style.borderRadius = $('cursor').style.outline = size > 2 ? '50%' : '0';
  const { last } = state;
  if (last && state.tool === 'box') {
    outline($('rubber'), Math.min(x, last.x), Math.min(y, last.y), Math.abs(x - last.x) + 1, Math.abs(y - last.y) + 1, scale);
  }
}

function press(event) {
  const at = place(event);
  if (!at.isInside) return;
  if (event.button === 2 || state.tool === 'pick') {
    choose(state.map.at(at.x, at.y));
    return;
  }
  if (event.button !== 0) return;
  event.preventDefault();
  $('map').focus({ preventScroll: true });
  $('map').setPointerCapture(event.pointerId);
  state.map.remember();
  state.last = at;
  if (state.tool === 'fill') state.map.fill(at.x, at.y, state.id);
  if (state.tool === 'brush') state.map.dot(at.x, at.y, Number($('size').value), state.id);
  changed();
}

function move(event) {
  const at = place(event);
  if (state.last && state.tool === 'brush') {
    state.map.stroke(state.last.x, state.last.y, at.x, at.y, Number($('size').value), state.id);
    state.last = at;
    changed();
  }
  hover(at);
}

function release(event) {
  if (state.last && state.tool === 'box' && event.type === 'pointerup') {
    const { x, y } = place(event);
    state.map.box(state.last.x, state.last.y, x, y, state.id);
    changed();
  }
  state.last = null;
  $('rubber').hidden = true;
}

function back(step) {
  if (!state.last && step()) changed();
}

// Building the page

function addClasses() {
  facts.classes.forEach(({ name, colour }, id) => {
    const button = Object.assign(document.createElement('button'), { className: 'class', title: `${name} (${id})` });
    const patch = document.createElement('i');
    patch.style.background = `rgb(${colour})`;
    button.append(patch, name);
    button.dataset.id = id;
    button.setAttribute('role', 'radio');
    button.addEventListener('click', () => choose(id));
    $('classes').append(button);
  });
}

function showOptions() {
  const { seed, reference } = direction();
  $('seed-row').hidden = $('dice').hidden = !seed || state.reference !== null;
  $('reference-row').hidden = !reference;
  $('reference-shown').hidden = !reference || state.reference === null;
  $('no-style').hidden = seed || reference;
}

function restyle() {
  showOptions();
  refresh();
}

function listen() {
  const map = $('map');
  map.addEventListener('pointerdown', press);
  map.addEventListener('pointermove', move);
  map.addEventListener('pointerup', release);
  map.addEventListener('pointercancel', release);
  map.addEventListener('pointerleave', () => { $('cursor').hidden = true; });
  map.addEventListener('contextmenu', (event) => event.preventDefault());
  document.querySelectorAll('[data-tool]').forEach((button) => button.addEventListener('click', () => use(button.dataset.tool)));
  $('size').addEventListener('input', () => resize($('size').value));
  $('undo').addEventListener('click', () => back(() => state.map.undo()));
  $('redo').addEventListener('click', () => back(() => state.map.redo()));
  $('clear').addEventListener('click', () => {
    state.map.remember();
    state.map.ids.fill(state.id);
    changed();
  });
  $('search').addEventListener('input', () => {
    const text = $('search').value.toLowerCase();
    for (const button of $('classes').children) button.hidden = !button.textContent.toLowerCase().includes(text);
  });
  $('direction').addEventListener('change', restyle);
  $('seed').addEventListener('input', refresh);
  $('dice').addEventListener('click', () => { $('seed').value = Math.floor(Math.random() * 1e6); refresh(); });
  $('forget').addEventListener('click', () => { state.reference = null; restyle(); });
  $('save-picture').addEventListener('click', () => { if (state.picture) save(state.picture, 'picture.png'); });
  $('save-map').addEventListener('click', () => ask('file', state.map.pack()).then(
    (blob) => save(blob, 'label_map.png'), (error) => say(error.message, true)));
  onFile($('open'), 'read', (found) => {
    state.map.become(LabelMap.unpack(found));
    changed();
  });
  onFile($('reference'), 'reference', ({ reference, picture }) => {
    state.reference = reference;
    $('thumbnail').src = `data:image/png;base64,${picture}`;
    restyle();
  });
  document.addEventListener('keydown', press_key);
}

function press_key(event) {
  if (event.target.matches('input, select') && event.target.type !== 'range') return;
  const key = event.key.toLowerCase();
  const tool = { b: 'brush', f: 'fill', r: 'box', p: 'pick' }[key];
  if (event.ctrlKey || event.metaKey) {
    if (key === 'z' || key === 'y') {
      event.preventDefault();
      back(() => (key === 'y' || event.shiftKey ? state.map.redo() : state.map.undo()));
    }
  } else if (tool) use(tool);
  else if (key === '[' || key === ']') resize(Number($('size').value) + (key === '[' ? -1 : 1));
}

$('title').textContent = facts.title;
$('objects').hidden = !facts.objects;
for (const { name } of facts.directions) $('direction').append(new Option(name));
$('direction-row').hidden = facts.directions.length < 2;
addClasses();
choose(0);
use('brush');
resize(Math.max(1, Math.round(Math.min(state.map.width, state.map.height) / 16)));
listen();
show();
restyle();
