// The page: what is chosen, and the request that follows.

const PAUSE = 150; // milliseconds without a change before a result is asked for
const ENLARGED = 640; // pixels that a small picture is shown with
const $ = (id) => document.getElementById(id);
const info = await (await fetch('info')).json();
const state = { files: {}, reference: null, url: { before: null, after: null } };
const direction = () => info.directions[$('direction').value];

function say(text, isWrong = false) {
  $('status').textContent = text;
  $('status').classList.toggle('wrong', isWrong);
}

// Requests

let timer, isAsking = false, isOld = false, coming = null; // the example that is being fetched

// For tests: whether the result is that of what is chosen.
function settle() {
  document.body.dataset.settled = !isOld && !coming;
}

// Ask for the result of what is chosen now; while one is made, changes wait, and only the last of them is asked for.
function refresh() {
  isOld = true;
  settle();
  clearTimeout(timer);
  timer = setTimeout(translate, PAUSE);
}

function form() {
  const { inputs, options } = direction();
  const data = new FormData();
  data.append('direction', $('direction').value);
  for (const { name } of inputs) if (state.files[name]) data.append(name, state.files[name]);
  const useReference = options.includes('reference') && state.reference;
  if (useReference) data.append('reference', state.reference);
  if (options.includes('seed') && !useReference && $('seed').value.trim()) data.append('seed', $('seed').value.trim());
  for (const field of $('options').querySelectorAll('input')) if (field.value.trim()) data.append(field.name, field.value.trim());
  return data;
}

async function translate() {
  if (isAsking || !isOld) return;
  isOld = false;
  const missing = direction().inputs.find(({ name, kind }) => !state.files[name] && kind !== 'instances');
  if (missing) {
    say(state.files[direction().inputs[0].name] ? `Choose ${named(missing)}, too.` : '');
    settle();
    return;
  }
  isAsking = true;
  $('frame').classList.add('busy');
  const start = performance.now();
  try {
    await show(await ask(form()));
    say(`Made in ${((performance.now() - start) / 1000).toFixed(2)} s`);
  } catch (error) {
    say(error.message, true);
  }
  isAsking = false;
  $('frame').classList.remove('busy');
  settle();
  if (isOld) translate();
}

async function ask(body) {
  const answer = await fetch('translate', { method: 'POST', body })
    .catch(() => { throw new Error('The program that makes the pictures does not answer. Is it still running?'); });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.blob();
}

// Showing

function put(side, blob) {
  if (state.url[side]) URL.revokeObjectURL(state.url[side]);
  state.url[side] = URL.createObjectURL(blob);
  $(side).src = state.url[side];
  return $(side).decode().then(() => true, () => false); // some files are none that browsers show
}

async function show(blob) {
  const isPicture = await put('after', blob);
  const hasSource = await put('before', state.files[direction().inputs[0].name]);
  const file = blob.type === 'image/png' ? 'result.png' : 'result.npy';
  Object.assign($('save'), { href: state.url.after, download: file }).hidden = false;
  $('after').hidden = !isPicture;
  $('empty').hidden = isPicture;
  $('empty').textContent = isPicture ? '' : 'The result has numbers that browsers do not show. Save it.';
  $('before').hidden = $('line').hidden = $('slider-row').hidden = !(isPicture && hasSource);
  const { naturalWidth: width, naturalHeight: height } = $('after');
  const scale = Math.max(1, Math.floor(ENLARGED / Math.max(width, height)));
  $('after').style.width = `${scale * width}px`;
  $('frame').classList.toggle('pixels', scale > 1);
  slide();
}

// The source lies over the result, and is cut off at the slider.
function slide() {
  const [frame, box] = [$('frame').getBoundingClientRect(), $('after').getBoundingClientRect()];
  const share = Number($('slider').value);
  const place = { left: `${box.left - frame.left}px`, top: `${box.top - frame.top}px`, height: `${box.height}px` };
  Object.assign($('before').style, place, { width: `${box.width}px`, clipPath: `inset(0 ${100 - share}% 0 0)` });
  Object.assign($('line').style, place, { left: `${box.left - frame.left + box.width * share / 100}px` });
}

// What is chosen

const named = ({ name, kind }) => ({ image: `another image (${name})`, labels: 'a label map', instances: 'a map of objects', mask: 'a mask' })[kind];

function choose(name, file) {
  state.files[name] = file;
  refresh();
}

function chooseFirst(file, pressed = null) {
  for (const button of $('examples').children) button.setAttribute('aria-pressed', button === pressed);
  $('chosen').textContent = file.name;
  coming = null;
  choose(direction().inputs[0].name, file);
}

function onFile(input, use) {
  input.addEventListener('change', () => {
    const [file] = input.files;
    input.value = '';
    if (file) use(file);
  });
}

function addExamples() {
  $('examples').hidden = !info.examples.length;
  for (const [number, name] of info.examples.entries()) {
    const button = Object.assign(document.createElement('button'), { type: 'button', title: `Image ${number + 1}` });
    button.append(Object.assign(document.createElement('img'), { src: `examples/${name}`, alt: `Image ${number + 1}` }));
    button.addEventListener('click', async () => {
      coming = name;
      settle();
      const content = await (await fetch(`examples/${name}`)).blob();
      if (coming === name) chooseFirst(new File([content], `Image ${number + 1}`), button);
    });
    $('examples').append(button);
  }
}

function showOptions() {
  const { inputs, options } = direction();
  const first = inputs[0].name;
  for (const name of Object.keys(state.files)) { // the first image of one direction is that of another
    if (!inputs.some((input) => input.name === name)) {
      state.files[first] ??= state.files[name];
      delete state.files[name];
    }
  }
  $('seed-row').hidden = !options.includes('seed') || (state.reference !== null && options.includes('reference'));
  $('reference-row').hidden = !options.includes('reference');
  $('reference-name').textContent = state.reference ? state.reference.name : 'Style of an image';
  $('forget').hidden = state.reference === null;
  $('further').replaceChildren(...inputs.slice(1).map(chooser));
  $('options').replaceChildren(...options.filter((name) => name !== 'seed' && name !== 'reference').map(field));
}

function chooser(input) {
  const label = Object.assign(document.createElement('label'), { className: 'button' });
  const file = Object.assign(document.createElement('input'), { type: 'file', name: input.name });
  const text = document.createElement('span');
  text.textContent = state.files[input.name] ? state.files[input.name].name : `Choose ${named(input)}`;
  onFile(file, (chosen) => { text.textContent = chosen.name; choose(input.name, chosen); });
  label.append(text, file);
  return label;
}

function field(name) {
  const label = Object.assign(document.createElement('label'), { className: 'row' });
  const input = Object.assign(document.createElement('input'), { type: 'text', name, autocomplete: 'off' });
  input.addEventListener('change', refresh);
  label.append(name, input);
  return label;
}

function restyle() {
  showOptions();
  refresh();
}

function listen() {
  onFile($('image'), (file) => chooseFirst(file));
  onFile($('reference'), (file) => { state.reference = file; restyle(); });
  $('forget').addEventListener('click', () => { state.reference = null; restyle(); });
  $('direction').addEventListener('change', restyle);
  $('seed').addEventListener('input', refresh);
  $('dice').addEventListener('click', () => { $('seed').value = Math.floor(Math.random() * 1e6); refresh(); });
  $('slider').addEventListener('input', slide);
  window.addEventListener('resize', slide);
  $('form').addEventListener('submit', (event) => event.preventDefault());
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    $('drop').addEventListener(kind, (event) => {
      event.preventDefault();
      $('drop').classList.toggle('over', kind === 'dragover');
      if (kind === 'drop' && event.dataTransfer.files.length) chooseFirst(event.dataTransfer.files[0]);
    });
  }
}

$('title').textContent = `${info.method}, ${info.model}`;
for (const name of Object.keys(info.directions)) $('direction').append(new Option(name));
$('direction').value = info.direction;
$('direction-row').hidden = Object.keys(info.directions).length < 2;
addExamples();
listen();
restyle();
