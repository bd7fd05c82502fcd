//! The other end of the boot loader's serial line.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};

/// What the boot loader is offered.
pub(crate) struct Offer<'a> {
    pub(crate) envelope: &'a [u8],
    pub(crate) image: &'a [u8],
    /// The emulator is killed once so many frames were taken.
    pub(crate) kill_after: Option<usize>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// None for an emulator that was killed.
    pub(crate) status: Option<i32>,
    /// What the firmware printed.
    pub(crate) said: String,
    /// The status that the boot loader reported over the line.
    pub(crate) update: Option<i32>,
    /// The byte of the image from which on it was asked for.
    pub(crate) offset: Option<usize>,
}

const FRAME: usize = 1024;

/// Answers what the boot loader asks, until the emulator has ended.
pub(crate) fn serve(mut board: Child, offer: Option<&Offer<'_>>) -> Run {
    let (mut update, mut offset) = (None, None);
    if let Some(offer) = offer {
        let mut ends = (board.stdin.take().unwrap(), BufReader::new(board.stdout.take().unwrap()));
        // A line that breaks is an emulator that ended, in whatever way: its status tells.
        let _ = converse(&mut ends, offer, &mut board, &mut offset, &mut update);
    }
    drop(board.stdin.take());
    let output = board.wait_with_output().unwrap();
    // `printf` and the emulator's own channel; with a serial line in use the first of them is that line.
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Run { status: output.status.code(), said, update, offset }
}

fn converse(
    (send, receive): &mut (ChildStdin, BufReader<ChildStdout>),
    offer: &Offer<'_>,
    board: &mut Child,
    offset: &mut Option<usize>,
    update: &mut Option<i32>,
) -> std::io::Result<()> {
    let mut frames = [].chunks(FRAME);
    let mut sent = 0;
    loop {
        let mut mark = [0];
        receive.read_exact(&mut mark)?;
        match mark[0] {
            b'?' => frame(send, offer.envelope)?,
            b'@' => {
                let from = number(receive)?;
                *offset = Some(from as usize);
                frames = offer.image.get(from as usize..).unwrap_or_default().chunks(FRAME);
                frame(send, frames.next().unwrap_or_default())?;
            }
            b'+' => {
                sent += 1;
                if offer.kill_after == Some(sent) {
                    return board.kill();
                }
                frame(send, frames.next().unwrap_or_default())?;
            }
            b'=' => *update = Some(number(receive)?),
            other => panic!("{other:#x} is no mark of the boot loader"),
        }
    }
}

fn frame(send: &mut ChildStdin, bytes: &[u8]) -> std::io::Result<()> {
    send.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())?;
    send.write_all(bytes)?;
    send.flush()
}

fn number(receive: &mut BufReader<ChildStdout>) -> std::io::Result<i32> {
    let mut line = String::new();
    receive.read_line(&mut line)?;
    Ok(line.trim().parse().unwrap_or(-1))
}
