// includes fused/input_backward, fused/input_forward
//
// Both products of the first layer in one dispatch (fused/input_backward.wgsl, fused/input_forward.wgsl): a workgroup's block
// of texels is its slice of the inputs, so that the weights that the second product reads are those that the same workgroup has
// moved.

@compute @workgroup_size(WORKGROUP)
fn fused_input_both(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let updates = (step.parts & UPDATE) != 0u;
  if group.y >= tiles_of_columns() {
    if updates {
      move_others(group, thread);
    }
    return;
  }
  let first_column = group.y * COLUMNS;
  var sum = Tiles();
  if updates {
    sum = weight_gradients(first_column, group.x, thread);
  }
  let images = first_images(group.x, 0u, thread); // on their way while weights move
  if updates {
    move_tiles(first_column, group.x, thread, sum);
    storageBarrier();
    workgroupBarrier();
  }
  if (step.parts & FORWARD) != 0u {
    forward(first_column, group.x, thread, images);
  }
}
