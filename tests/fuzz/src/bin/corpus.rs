//! Writes the valid examples of every target where cargo-fuzz looks for them: `cargo run -p fuzzing --bin corpus -- fuzz/corpus`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fuzz/corpus".to_owned());
    for target in fuzzing::TARGETS {
        let of_target = Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&of_target)?;
        for (i, bytes) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(of_target.join(format!("example-{i}")), bytes)?;
        }
    }
    Ok(())
}
