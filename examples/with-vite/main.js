const time = document.querySelector('#now');

function show() {
  time.textContent = new Date().toLocaleTimeString();
}

show();
setInterval(show, 1000);
